/** A PDF of one page with one line. */
export function pdf(line) {
  const text = `BT /F1 24 Tf 20 100 Td (${line}) Tj ET`;
  const font = '<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>';
  return `%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<</Font<</F1 ${font}>>>>>>endobj
4 0 obj<</Length ${text.length}>>stream
${text}
endstream endobj
trailer<</Root 1 0 R>>
`;
}
