/** Changes with the protos: px and an agent of the same version can still be of different states of the source. */
export const apiFingerprint = '7b7687f9108c';
