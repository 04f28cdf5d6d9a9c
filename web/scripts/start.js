// Stands in the page's head and runs before the text is read: the colour scheme and the language that were chosen on an
// earlier visit; which buttons were pressed before their part of the page came to life (the program presses them again
// then); and, once the text has been painted, the typeface of code and figures and the page's program.
;(function () {
  const page = document.documentElement
  const { typefaces, program } = document.currentScript.dataset
  const [main, ...others] = program.split(' ')
  let begun = false

  function begin() {
    if (begun) return
    begun = true
    const faces = document.createElement('script')
    faces.src = typefaces
    document.head.append(faces)
    for (const path of others) {
      const link = document.createElement('link')
      link.rel = 'modulepreload'
      link.href = path
      document.head.append(link)
    }
    void import(new URL(main, document.baseURI))
  }

  addEventListener('click', ({ target }) => {
    const button = target instanceof Element && target.closest('[data-island]:not([data-live]) button')
    if (button) button.dataset.pressed = ''
  })

  try {
    const theme = localStorage.getItem('beralih.theme')
    if (theme === 'light' || theme === 'dark') page.dataset.theme = theme
    const language = localStorage.getItem('beralih.language')
    if (language && language !== page.lang && 'default' in page.dataset && page.dataset.languages.split(' ').includes(language)) {
      location.replace(page.dataset.root + language + '/' + location.search + location.hash)
      return
    }
  } catch {
    // storage is blocked: the page opens as it is
  }
  const painted = typeof PerformanceObserver === 'function' && PerformanceObserver.supportedEntryTypes.includes('paint')
  if (painted) {
    new PerformanceObserver((entries, observer) => {
      if (!entries.getEntriesByName('first-contentful-paint').length) return
      observer.disconnect()
      begin()
    }).observe({ type: 'paint', buffered: true })
  }
  // Nothing is painted in a tab in the background.
  addEventListener('load', () => setTimeout(begin, painted ? 300 : 0))
})()
