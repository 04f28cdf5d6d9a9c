// Typefaces of the lesson: a face made from bytes is ready at once.
for (const [family, weight, data] of FACES) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))
  document.fonts.add(new FontFace(family, bytes, { weight }))
}
