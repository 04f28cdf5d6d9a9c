// The page on paper: what was folded away is unfolded for it, and folded again afterwards. An experiment that nobody opened has nothing
// to show: its claim is printed, not a message that it is being opened.

const unopened = 'details.lab:not([data-arrived])'

export function unfoldOnPaper(page: Document = document) {
  let unfolded: HTMLDetailsElement[] = []
  addEventListener('beforeprint', () => {
    unfolded = [...page.querySelectorAll<HTMLDetailsElement>('details:not([open])')].filter((part) => !part.matches(unopened))
    for (const part of unfolded) part.open = true
  })
  addEventListener('afterprint', () => {
    for (const part of unfolded) part.open = false
    unfolded = []
  })
}
