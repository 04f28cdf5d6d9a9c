// Which real source text the code panel shows, found by what it says rather than by line numbers. The files themselves are read
// at build time: an excerpt cannot go stale, and tests/unit/code.test.ts fails when something named here has disappeared.
import type { StepName } from '../schema'

export interface Mark {
  /** The lines are shown as running during this step: from the first line that contains `from` to the next that contains `to`. */
  step: StepName
  from: string
  to: string
}

export interface Source {
  id: string
  tab: string
  language: 'python' | 'cpp'
  /** Searched for the one file that has a line starting with `start`. */
  folder: string
  suffix: string
  start: string
  /** One function, up to its closing line; without it the whole file. */
  end?: string
  marks: readonly Mark[]
}

export const sources: readonly Source[] = [
  {
    id: 'service',
    tab: 'inference_service.py',
    language: 'python',
    folder: 'web/content/code',
    suffix: '.py',
    start: 'app = FastAPI()',
    marks: [
      { step: 'preflight', from: '@app.get("/v2/health/live")', to: 'return {"live": True' },
      { step: 'artifacts', from: 'contract = json.loads((folder / "contract.json")', to: 'is not the file that the contract names' },
      { step: 'load', from: 'paths = {file["role"]', to: 'load_model(' },
      { step: 'load', from: 'CONTRACT, LABELS, MODEL = load_bundle', to: 'check_golden(CONTRACT' },
      { step: 'input', from: 'image = Image.open', to: 'return torch.from_numpy' },
      { step: 'forward', from: 'with torch.inference_mode():', to: 'return MODEL(tensor)' },
      { step: 'forward', from: 'logits = forward(tensor)[0]', to: 'top = torch.softmax' },
    ],
  },
  {
    id: 'open_bundle',
    tab: 'open_bundle',
    language: 'cpp',
    folder: 'native_server/src/bundle',
    suffix: '.cpp',
    start: 'Result<Bundle> open_bundle(',
    end: '}',
    marks: [{ step: 'artifacts', from: 'check_files(', to: 'bundle.files.emplace(' }],
  },
  {
    id: 'attach_weights',
    tab: 'attach_weights',
    language: 'cpp',
    folder: 'native_server/src/engine',
    suffix: '.cpp',
    start: 'Status attach_weights(',
    end: '}',
    marks: [{ step: 'load', from: 'at::from_blob(', to: 'module.setattr(' }],
  },
  {
    id: 'preprocess',
    tab: 'preprocess',
    language: 'cpp',
    folder: 'core/src',
    suffix: 'preprocess.cpp',
    start: 'Status preprocess_all(',
    end: '}',
    marks: [{ step: 'input', from: 'preprocess_rows(', to: 'normalize_into(' }],
  },
  {
    id: 'infer',
    tab: 'infer',
    language: 'cpp',
    folder: 'native_server/src/engine',
    suffix: '.cpp',
    start: 'Result<std::vector<std::vector<float>>> TorchEngine::infer(',
    end: '}',
    marks: [{ step: 'forward', from: 'c10::InferenceMode', to: 'program_.forward(' }],
  },
]
