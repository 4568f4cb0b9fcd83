export { type ParsedExpression, parseExpression } from './parse.ts';
export { type Token, type TokenKind, tokenize } from './token.ts';
export {
  type BinaryOperator,
  type CallFact,
  callFacts,
  type Expression,
  expressionText,
  type Range,
  type UnaryOperator,
} from './tree.ts';
