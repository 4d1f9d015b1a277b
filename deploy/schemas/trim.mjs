// Makes the schemas of this folder from what the projects publish:
//   node deploy/schemas/trim.mjs swagger.json cert-manager.io_certificates.yaml cert-manager.io_issuers.yaml
// swagger.json is api/openapi-spec/swagger.json of Kubernetes, the others are deploy/crds/ of cert-manager.
// Kept are the kinds that deploy/ uses; descriptions go, and a field that the schema does not name becomes an error,
// as `kubectl --validate=strict` has it.
import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';

const kinds = {
  Namespace: 'io.k8s.api.core.v1.Namespace',
  ServiceAccount: 'io.k8s.api.core.v1.ServiceAccount',
  ConfigMap: 'io.k8s.api.core.v1.ConfigMap',
  Service: 'io.k8s.api.core.v1.Service',
  Deployment: 'io.k8s.api.apps.v1.Deployment',
  NetworkPolicy: 'io.k8s.api.networking.v1.NetworkPolicy',
};
const quantity = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const intOrString = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

const [swaggerFile, ...crdFiles] = process.argv.slice(2);
const swagger = JSON.parse(readFileSync(swaggerFile, 'utf8'));
const defs = {};
const schemas = {};

for (const [kind, name] of Object.entries(kinds)) {
  const [{ group, version }] = swagger.definitions[name]['x-kubernetes-group-version-kind'];
  schemas[`${group ? `${group}/` : ''}${version} ${kind}`] = reference(name);
}
for (const file of crdFiles) {
  const { spec } = parse(readFileSync(file, 'utf8'));
  for (const { name, served, schema } of spec.versions) {
    if (!served) continue;
    const root = strict(schema.openAPIV3Schema);
    root.properties.metadata = reference(meta);
    schemas[`${spec.group}/${name} ${spec.names.kind}`] = root;
  }
}
const text = JSON.stringify({ kubernetes: swagger.info.version, schemas, $defs: defs });
writeFileSync(new URL('manifests.json', import.meta.url), `${text}\n`);

function reference(name) {
  if (!Object.hasOwn(defs, name)) {
    defs[name] = true;
    defs[name] = strict(swagger.definitions[name], name);
  }
  return { $ref: `#/$defs/${name}` };
}

function strict(schema, name) {
  if (name === quantity || name === intOrString || schema['x-kubernetes-int-or-string']) {
    return { type: ['string', 'integer', 'number'] };
  }
  if (schema.$ref) return reference(schema.$ref.slice('#/definitions/'.length));
  const { type, enum: values, required, pattern, minimum, maximum, minLength, maxLength, items } = schema;
  const { properties, additionalProperties } = schema;
  const inner = (one) => (typeof one === 'object' ? strict(one) : one);
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true || !properties;
  return Object.fromEntries(
    Object.entries({
      // What is absent may be null in manifests; required fields are not.
      type,
      enum: values,
      required,
      pattern,
      minimum,
      maximum,
      minLength,
      maxLength,
      items: items && inner(items),
      properties:
        properties && Object.fromEntries(Object.entries(properties).map(([key, one]) => [key, inner(one)])),
      additionalProperties:
        additionalProperties === undefined ? (open ? undefined : false) : inner(additionalProperties),
    }).filter(([, value]) => value !== undefined),
  );
}
