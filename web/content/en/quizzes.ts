import type { Quizzes } from '../schema'
import { loadingWhys } from './loading'

const whys = loadingWhys(MEASURED_LOADING)

export const quizzes: Quizzes = {
  label: 'Questions',
  number: (position) => `Question ${position}`,
  commit: 'Commit answer',
  retry: 'Try again',
  again: 'Answer again',
  chooseFirst: 'Choose an answer first; the reasons appear once it is committed.',
  right: 'Right.',
  wrong: 'Not quite.',
  yours: 'your choice',
  answer: 'right answer',
  score: (right, of) => `${right} of ${of} questions answered right.`,
  kept: 'Answers and plan are kept in this browser only.',
  notKept: {
    blocked: 'This browser does not allow storage: answers and plan last for this visit only.',
    full: 'This browser’s storage is full: answers and plan last for this visit only. Free some space, then change an answer to keep them.',
  },
  reset: 'Delete answers and plan',
  list: {
    notebook: {
      question: 'Which feature of a Jupyter notebook makes it unsuitable for production deployment?',
      options: {
        python: {
          text: 'It primarily uses Python code',
          why: 'The language is not the problem: inference_service.py on this page is Python too, and its tensor equals the C++ server’s bit for bit. What decides is how state is kept.',
        },
        stateful: {
          text: 'It is inherently stateful and resource-intensive',
          why: 'What a cell computes depends on which cells have run, how often, and in which order. Every intermediate value stays in memory while the kernel lives, and concurrent requests would overwrite each other’s variables.',
        },
        gpu: {
          text: 'It cannot directly access the GPU',
          why: 'A notebook uses the GPU through the same PyTorch as a script or a service. What it lacks is sharing, not access: one kernel holds its GPU memory for as long as it lives.',
        },
      },
    },
    conversion: {
      question: 'What is the primary purpose of converting a PyTorch model to TorchScript or ONNX before deployment?',
      options: {
        speed: {
          text: 'Optimization for faster C++ execution and reduced Python dependency',
          why: 'The architecture becomes a file that runs without its Python class: architecture.pt here has 22,605 bytes and is opened by the C++ server; edge.onnx, 22,410,868 bytes, is run by this page. Neither needs a Python interpreter.',
        },
        theft: {
          text: 'To prevent model theft or reverse engineering',
          why: 'Conversion hides nothing: the graph and the weights in TorchScript and in ONNX can be read with common tools, layer by layer. Access control and encryption are for that.',
        },
        preprocessing: {
          text: 'To automatically handle input data preprocessing',
          why: 'The converted model here still takes a finished tensor of 1 × 3 × 227 × 227. Turning an image into that tensor is the service’s task, which is why the contract states every setting of it.',
        },
      },
    },
    loading: {
      question: 'When designing a production API, when should the model weights be loaded?',
      options: {
        start: {
          text: 'Once, when the service initializes',
          get why() {
            return whys.start
          },
        },
        every: {
          text: 'At the start of every prediction request',
          get why() {
            return whys.every
          },
        },
        first: {
          text: 'When the first request to the service is received',
          get why() {
            return whys.first
          },
        },
      },
    },
  },
}
