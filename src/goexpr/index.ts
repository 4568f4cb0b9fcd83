export { type ParsedExpression, parseExpression } from './parse.ts';
export { type Token, type TokenKind, tokenize } from './token.ts';
export { type Expression, expressionText, type Range } from './tree.ts';
