/**
 * JSON with comments, trailing commas and a byte order mark, as plain JSON: what is left out becomes spaces, so that
 * every place in the text stays where it was.
 */
export function plainJson(text: string): string {
  // One alternative a token, strings first: what looks like a comment inside of one is none.
  const token =
    /"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\/|,(?=(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*[\]}])|\t|\ufeff/g;
  return text.replace(token, (found) => (found[0] === '"' ? found : found.replace(/[^\n]/g, ' ')));
}
