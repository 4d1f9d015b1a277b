/** What is left of a value that is masked in part: enough to tell two apart, too little to use. */
export function partial(kind: string, value: string): string {
  if (kind === 'email') {
    const at = value.lastIndexOf('@');
    // No letter before the @: that would be an address again.
    return `${value.charAt(0)}***${value.slice(at)}`;
  }
  if (kind === 'name' || kind === 'date_of_birth' || kind === 'ip') return `${value.charAt(0)}***`;
  const letters = value.match(/[\p{L}\p{N}]/gu)?.length ?? 0;
  const kept = letters >= 8 ? 4 : letters >= 5 ? 2 : 0;
  let seen = 0;
  return value.replace(/[\p{L}\p{N}]/gu, (letter) => {
    seen += 1;
    return seen > letters - kept ? letter : '*';
  });
}
