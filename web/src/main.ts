import './styles/index.css'
import { hydrate, mount } from 'svelte'
import { loadContent } from '../content'
import App from './App.svelte'

const page = document.documentElement
const target = document.getElementById('app')
if (!target) throw new Error('index.html has no #app')
const props = { content: await loadContent(page.lang), root: page.dataset.root ?? './' }

// The development server has no prerendered text.
if (target.firstElementChild) hydrate(App, { target, props })
else mount(App, { target, props })
