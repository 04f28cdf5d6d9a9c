import type { LanguageName } from '../schema'

export const name: LanguageName = { language: 'en', short: 'EN', long: 'English', isDefault: false }
