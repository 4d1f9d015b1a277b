/** Where the metadata of a protected resource is found; below it, that of the resource at a path (RFC 9728 section 3.1). */
export const metadataPath = '/.well-known/oauth-protected-resource';
