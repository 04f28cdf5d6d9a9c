// Runs before the first paint: the colour scheme and the language that were chosen on an earlier visit.
(function () {
  var page = document.documentElement
  try {
    var theme = localStorage.getItem('beralih.theme')
    if (theme === 'light' || theme === 'dark') page.dataset.theme = theme
    var language = localStorage.getItem('beralih.language')
    var link = language && language !== page.lang && 'default' in page.dataset && page.dataset.languages.split(' ').indexOf(language) >= 0
    if (link) location.replace(page.dataset.root + language + '/' + location.search + location.hash)
  } catch (error) {
    // storage is blocked: the page opens as it is
  }
})()
