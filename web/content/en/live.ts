import type { LiveContent } from '../live-schema'

export const live: LiveContent = {
  refused: {
    busy: () => 'Another experiment is running on this server, perhaps in another tab. There is only one at a time: wait until it has finished, then try again.',
    refused: (detail) => `The server refuses this experiment: ${detail}`,
    failed: (detail) => `The experiment did not finish: ${detail}`,
    lost: () => 'The server no longer answers, so how the experiment ended is not known. Start the server again, then try again.',
  },
  starting: 'A child server is starting.',
  live: 'Live: run by this server in child processes, on this machine.',
  policies: {
    button: 'Load three ways in real servers',
    caption: (requests, processes) => `Latency of ${requests} requests under each policy, ms. Each policy is a server process of its own (${processes}).`,
    waiting: (policy) => `A server that loads ${policy} is starting.`,
    request: (policy, number) => `Loading ${policy}: request ${number}.`,
    started: 'Ready after, ms',
    reading: (start, perRequest, firstOne, ready) =>
      `The server that loads at the start was ready after ${ready} ms, before anybody asked, and then a request took ${start} ms. Loading on every request made each one take ${perRequest} ms. Loading on the first request looked ready at once, and its first caller waited ${firstOne} ms.`,
  },
  failure: {
    legend: 'What happens to the server process',
    faults: { kill: 'it is killed (kill -9), and started again at once', stall: 'it stands still for a while (SIGSTOP), then goes on' },
    button: 'Break a real server under load',
    steady: (rate) => `A child server answers ${rate} requests per second.`,
    killed: (pid) => `Process ${pid} was killed; another is starting on the same port.`,
    stalled: (pid) => `Process ${pid} stands still.`,
    recovered: 'It answers again; the rest of the load is being sent.',
    chart: 'Latency of each request, from the time that it was due',
    seconds: 'seconds',
    moments: { killed: 'killed', ready: 'ready again', stalled: 'stands still', resumed: 'goes on' },
    caption: 'One server process without a second one beside it',
    event: 'What happened',
    value: 'Value',
    rows: {
      requests: 'Requests sent',
      served: 'Answered',
      lost: 'Lost in the process',
      turnedAway: 'Turned away until it was back',
      late: 'Answered over 50 ms',
      gone: 'From the kill until the process had ended, ms',
      listening: 'until the new one listens, ms',
      ready: 'until it is ready, ms',
      answered: 'until it has answered, ms',
      longest: 'Longest answer, ms',
    },
    readingKill: (lost, turnedAway, recovery, ready) =>
      `${lost === '0' ? 'No request was in the process when it was killed.' : lost === '1' ? 'One request was in the process when it was killed, and it is lost.' : `${lost} requests were in the process when it was killed, and they are lost.`} ${turnedAway} more found nobody, or a server that was not ready yet. The new process was ready ${ready} ms after the kill and had answered after ${recovery} ms: a quick start is part of availability, and a second process would have answered meanwhile.`,
    readingStall: (seconds, late, longest, lost) =>
      `The process stood still for ${seconds} s and lost ${lost} requests: its connections waited in the kernel. But ${late} requests took more than 50 ms, the longest ${longest} ms. A supervisor sees a live process here; only a health check with a deadline notices.`,
  },
  challenge: {
    limits:
      'The load comes from this server’s own load generator, on the same machine: requests arrive at random times (Poisson), without waiting for answers to earlier ones, and latency counts from the time that a request was due. Load generator and servers share the processors, so the rate found is a lower bound.',
    legend: 'Where the load goes',
    target: { server: 'this server, as it was started', plan: 'my plan, in child processes' },
    plan: (loading, batching, replicas) => `Weights loaded ${loading}, ${batching === '1' ? 'one picture at a time' : `batches of up to ${batching}`}, ${replicas === '1' ? 'one server process' : `${replicas} server processes`}.`,
    loading: { 'at-start': 'at the start', 'per-request': 'per request', 'first-request': 'on the first request' },
    starting: (number, threads) => `Server ${number} is ready, with ${threads} threads.`,
    claim: 'With 99 % confidence, 99 of 100 requests are answered within 50 ms.',
    noClaim: 'That 99 of 100 requests are answered within 50 ms cannot be said with 99 % confidence: too many missed it, or too few were sent.',
    late: (ms) => `The load generator sent 99 of 100 requests at most ${ms} ms late.`,
  },
  python: {
    button: 'Measure both services now',
    measuring: (service) => `Asking ${service}.`,
    services: { beralih: 'native server', python: 'inference_service.py under uvicorn' },
    caption: (rate) => `Both services on this machine, the same picture, ${rate} requests per second each, in turn`,
    service: 'Service',
    alone: 'One at a time, median, ms',
    reading: (best, bestP99, other, otherP99, rate) =>
      `At ${rate} requests per second, 99 of 100 answers took at most ${bestP99} ms with ${best}, and at most ${otherP99} ms with ${other}.`,
  },
}
