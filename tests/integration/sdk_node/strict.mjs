// Warnings are errors.
process.on("warning", (warning) => {
  throw warning;
});
