// What the page says of the default bundle (models/bundles/resnet34) until a contract has been read; a test compares it with the bundle.

export const defaultModelBytes = 22_410_868
export const defaultSamples: readonly string[] = ['golden/coffee.png', 'golden/chelsea.png', 'golden/dog1.jpg', 'golden/dog2.jpg']
