import type { Content } from '../schema'

export const failures: Pick<Content, 'pageFailures' | 'serverFailures'> = {
  pageFailures: {
    page_incomplete: {
      title: 'Part of the page’s program did not arrive.',
      text: () => 'The server of this page may have stopped. Start it again, then press the button once more.',
    },
    wasm_unsupported: {
      title: 'This browser cannot run the C++ core.',
      text: () => 'It needs WebAssembly and module workers. Update the browser, then try again.',
    },
    contract_unreachable: {
      title: 'No model contract was found.',
      text: () => 'The server does not answer, and there is no bundle folder beside this page. Start the server with ./run.sh, then press again.',
    },
    contract_invalid: {
      title: 'The model contract cannot be read.',
      text: (f) => `What arrived is not a valid contract (${f.detail}). Prepare the bundle again, then press again.`,
    },
    file_unlisted: {
      title: 'The contract lacks a file that is needed.',
      text: (f) => `${f.file} is not listed. The page needs a bundle with labels and edge.onnx.`,
    },
    download_refused: {
      title: 'The download was refused.',
      text: (f) => `${f.file} was answered with status ${f.status}. Check that the bundle is complete, then press again.`,
    },
    download_cut: {
      title: 'The download was cut short.',
      text: (f) => `${f.file}: ${f.received} of ${f.expected} bytes arrived. They are kept: press again and the rest follows.`,
    },
    download_stalled: {
      title: 'The download stopped flowing.',
      text: (f) => `${f.file}: no new bytes for ${f.seconds} seconds. Press again to go on.`,
    },
    download_altered: {
      title: 'The download is not what the contract says.',
      text: (f) => `${f.file}: SHA-256 ${f.theirs}, but the contract names ${f.ours}. The file was thrown away and not used; press again to download anew.`,
    },
    download_too_long: {
      title: 'The download is larger than the contract says.',
      text: (f) => `${f.file} has ${f.expected} bytes by the contract, but more arrived. They were thrown away; check the bundle, then press again.`,
    },
    simd_missing: {
      title: 'This browser cannot run the page’s own model.',
      text: () => 'ONNX Runtime Web needs WebAssembly SIMD, which this browser lacks; the C++ core does without. Use a newer browser, or a server that answers.',
    },
    session_failed: {
      title: 'The model could not be loaded in the page.',
      text: (f) => `ONNX Runtime Web refused it: ${f.detail}. Close other tabs if memory is short, then press again.`,
    },
    sample_unreachable: {
      title: 'The sample image did not arrive.',
      text: (f) => `${f.file} could not be fetched. Choose an image of your own, or start the server and press again.`,
    },
    empty_file: { title: 'This file is empty.', text: (f) => `${f.file} holds 0 bytes. Choose another image.` },
    heic_image: {
      title: 'HEIC images are not supported.',
      text: (f) => `${f.file} is in HEIC/HEIF format. Save it as JPEG or PNG, then choose it again.`,
    },
    unsupported_format: {
      title: 'This file is not an image that can be read.',
      text: (f) => `By its content, ${f.file} is not a JPEG, PNG, WebP, GIF or BMP image, whatever its name. Choose an image in one of these formats.`,
    },
    corrupt_image: {
      title: 'This image is damaged.',
      text: (f) => `${f.file} ends early or breaks its format, so no tensor was made from it. Choose an intact copy.`,
    },
    image_too_large: {
      title: 'This image is too large.',
      text: (f) => `${f.file} has more pixels than the core decodes, 89 million. Make it smaller, then choose it again.`,
    },
    out_of_memory: {
      title: 'There is not enough memory.',
      text: (f) => `The browser cannot hold ${f.file}. Choose a smaller image or close other tabs.`,
    },
    unexpected: {
      title: 'Something unexpected went wrong.',
      text: (f) => `${f.detail}. Press again; if it happens again, copy the terminal’s text for a report.`,
    },
    stopped: { title: 'Stopped.', text: () => 'You stopped this run. What was downloaded so far is kept; press to run again.' },
  },
  serverFailures: {
    absent: { title: 'The server does not answer.', text: (f) => `Start the server at ${f.origin}, then press again to compare.` },
    address_invalid: { title: 'The server’s address is invalid.', text: (f) => `?server=${f.detail} is not an http or https address. Correct it and reload the page.` },
    mixed_content: {
      title: 'The browser forbids that server.',
      text: (f) => `An https page may not call ${f.origin}, which uses plain http. Serve it over https, or open the page from that server itself.`,
    },
    blocked: {
      title: 'The page’s policy forbids that server.',
      text: (f) => `${f.origin} is not among the servers that the operator of this page allows. The operator can add it with --allow-server.`,
    },
    declined: { title: 'The image stays in the page.', text: (f) => `You chose to send nothing to ${f.origin}.` },
    timeout: { title: 'The server is too slow.', text: (f) => `${f.origin} did not finish its answer within ${f.seconds} seconds; the request was cancelled. Press again to retry.` },
    contract_mismatch: {
      title: 'The server preprocesses differently (412).',
      text: (f) =>
        `${f.field === '?' ? `The server says: ${f.detail || '–'}.` : `First difference in ${f.field}: page ${f.ours}, server ${f.theirs}.`} The tensors would not be equal, so the server declined to compare.`,
    },
    key_needed: {
      title: 'The server answers only callers with a key.',
      text: (f) => `${f.origin} asked for an API key (status ${f.status}), which this page does not have. What the page computed itself holds all the same; compare with a server that runs without --api-keys.`,
    },
    not_ready: { title: 'The server is not ready yet (503).', text: (f) => `It is still loading its model. Try again in ${f.seconds} s.` },
    overloaded: { title: 'The server is full (429).', text: (f) => `It refused this request so that others stay fast. Try again in ${f.seconds} s.` },
    refused_image: { title: 'The server refused this image.', text: (f) => `Status ${f.status}: ${f.detail}` },
    cut_answer: { title: 'The server’s answer broke off.', text: (f) => `${f.origin} began to answer and did not finish. Press again to retry.` },
    broken: { title: 'The server failed.', text: (f) => `It answered with status ${f.status}. The fault is the server’s, not your image’s; look at its log, then press again.` },
    nonsense: { title: 'The server’s answer cannot be read.', text: (f) => `${f.origin} answered, but with something else than what was asked for (${f.detail}). Is it a Beralih server at all?` },
  },
}
