/** Changes with the protos: px and an agent of the same version can still be of different states of the source. */
export const apiFingerprint = '050c78d77152';
