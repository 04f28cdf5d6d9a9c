import type { LanguageName } from '../schema'

export const name: LanguageName = { language: 'id', short: 'ID', long: 'Bahasa Indonesia', isDefault: true }
