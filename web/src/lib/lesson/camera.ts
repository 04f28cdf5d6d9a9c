// The camera as a source of an image: what can go wrong has a name, and its track ends with the picture.

export const cameraProblems = ['insecure', 'denied', 'absent', 'busy', 'stopped'] as const
export type CameraProblem = (typeof cameraProblems)[number]

export function problemOf(error: unknown): CameraProblem {
  const name = error instanceof Error ? error.name : ''
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'absent'
  if (name === 'NotReadableError' || name === 'AbortError') return 'busy'
  return 'denied' // NotAllowedError, SecurityError: refused by the person, or by the page that embeds this one
}

/** Rejects with what problemOf names; where there is no API at all, `insecure` has been said before. */
export const openCamera = () =>
  navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: { ideal: 'environment' }, width: { ideal: 1280 }, height: { ideal: 960 } } })

export const closeCamera = (stream: MediaStream | null) => stream?.getTracks().forEach((track) => track.stop())

/** What the camera shows now, without loss: the model gets these pixels. */
export async function takePicture(video: HTMLVideoElement, name: string): Promise<File> {
  const canvas = document.createElement('canvas')
  canvas.width = video.videoWidth
  canvas.height = video.videoHeight
  canvas.getContext('2d')?.drawImage(video, 0, 0)
  const picture = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'))
  if (!picture) throw new Error('the browser made no picture')
  return new File([picture], `${name}.png`, { type: 'image/png' })
}
