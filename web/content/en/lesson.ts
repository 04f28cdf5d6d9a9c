import type { Prose } from '../schema'

export const lesson: Prose = {
  course: 'EvoClass-AI002',
  lecture: 'Lecture 10',
  heading: ['Moving to Production:', 'The Deployment Mindset'],
  intro:
    'This final module closes the gap between successful research—where we reach high accuracy in a notebook—and reliable execution. Deployment is the crucial process of turning a PyTorch model into a minimal, self-contained service that can deliver predictions to end users efficiently, with low latency and high availability.',
  sectionTitle: '1. The Production Mindset Shift',
  sectionText:
    'The exploratory environment of a Jupyter notebook is stateful and fragile for production use. We have to refactor our code from exploratory scripts into structured, modular components that suit concurrent requests, resource optimisation and seamless integration into larger systems.',
  principles: [
    {
      id: 'latency',
      title: 'Low-Latency Inference:',
      text: [
        'Keeping prediction times consistently below a target threshold (for example, ',
        { quantity: '50', unit: 'ms' },
        ') is essential for real-time applications.',
      ],
    },
    {
      id: 'availability',
      title: 'High Availability:',
      text: ['Designing the service to be reliable, stateless and able to recover quickly from failure.'],
    },
    {
      id: 'reproducibility',
      title: 'Reproducibility:',
      text: [
        'Guaranteeing that the deployed model and environment (dependencies, weights, configuration) are exactly those of the validated research result.',
      ],
    },
  ],
  focusTitle: 'Focus: The Model Service',
  focusText:
    'Instead of deploying the whole training script, we deploy a minimal, self-contained service wrapper. This service only has to handle three tasks: loading the optimised model artifacts, applying the input preprocessing, and running the forward pass to return a prediction.',
  code: { label: 'Service code', files: 'Code files', lines: 'The lines that the running step corresponds to are marked.' },
  challenge: {
    title: 'Challenge: Defining the Minimal Service',
    task: 'Plan the structural requirements for a low-latency service.',
    text: [
      'You need to deploy a complex image classification model (',
      { quantity: '1', unit: 'GB' },
      ') that requires specialized image preprocessing. It must handle ',
      { quantity: '50' },
      ' requests per second.',
    ],
  },
  sources: {
    own: 'Beralih is free software under the Apache License 2.0. This page carries the work of others:',
    kinds: { program: 'Program:', codecs: 'Image formats:', typefaces: 'Typefaces:', photographs: 'Photographs:', weights: 'Model weights:' },
    notices: 'All third-party notices',
  },
}
