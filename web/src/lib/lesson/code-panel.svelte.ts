// The prerendered code panel: tabs, and the lines of the step that is running.
import type { Lesson } from './lesson.svelte'

export function enliven(panel: HTMLElement, lesson: Lesson) {
  const tabs = [...panel.querySelectorAll<HTMLElement>('[role=tab]')]
  const sheets = [...panel.querySelectorAll<HTMLElement>('[role=tabpanel]')]

  function show(chosen: number) {
    tabs.forEach((tab, position) => {
      tab.setAttribute('aria-selected', String(position === chosen))
      tab.tabIndex = position === chosen ? 0 : -1
    })
    sheets.forEach((sheet, position) => sheet.classList.toggle('away', position !== chosen))
    follow(sheets[chosen])
  }

  /** Brings the running lines into the panel's own view; the page itself stays where it is. */
  function follow(sheet: HTMLElement | undefined) {
    const line = sheet?.querySelector<HTMLElement>('li.now')
    if (sheet && line) sheet.scrollTop += line.getBoundingClientRect().top - sheet.getBoundingClientRect().top - sheet.clientHeight / 4
  }

  tabs.forEach((tab, position) => {
    tab.addEventListener('click', () => show(position))
    tab.addEventListener('keydown', (event) => {
      const last = tabs.length - 1
      const forward = getComputedStyle(panel).direction === 'rtl' ? 'ArrowLeft' : 'ArrowRight'
      const back = forward === 'ArrowRight' ? 'ArrowLeft' : 'ArrowRight'
      const next = { [forward]: position === last ? 0 : position + 1, [back]: position === 0 ? last : position - 1, Home: 0, End: last }[event.key]
      if (next === undefined) return
      event.preventDefault()
      show(next)
      tabs[next]?.focus()
    })
  })

  $effect.root(() => {
    $effect(() => {
      const step = lesson.running ? lesson.run.step : null
      for (const line of panel.querySelectorAll<HTMLElement>('li[data-steps]')) {
        line.classList.toggle('now', step !== null && (line.dataset.steps?.split(' ').includes(step) ?? false))
      }
      for (const sheet of sheets) follow(sheet)
    })
  })
}
