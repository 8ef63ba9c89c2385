// Formulas, on the first page and after Material replaces the content of a page.
document$.subscribe(({ body }) =>
  renderMathInElement(body, { delimiters: [{ left: "\\(", right: "\\)", display: false }, { left: "\\[", right: "\\]", display: true }] }),
);
