export { evaluate, type Text, Unknown, type Value } from './evaluate.ts';
export { kernelRefusal, maxKernelText } from './kernel.ts';
export {
  boolean,
  type Computation,
  computationText,
  conjunction,
  conjuncts,
  integer,
  leavesOf,
  mapLeaves,
  type Scalar,
  scalarText,
  text,
  word,
} from './tree.ts';
