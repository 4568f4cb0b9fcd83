export { type ParsedExpression, parseExpression } from './parse.ts';
export {
  type DeclaredType,
  type ParsedSignature,
  parseSignature,
  type SignatureText,
  signatureProblem,
  type TypeText,
  type VariableText,
} from './signature.ts';
export { type Token, type TokenKind, tokenize } from './token.ts';
export {
  type BinaryOperator,
  type CallFact,
  callFacts,
  compactType,
  type Expression,
  expressionText,
  type Range,
  type UnaryOperator,
} from './tree.ts';
