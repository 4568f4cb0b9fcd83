/**
 * eBPF registers: r0 result, r1–r5 arguments of helpers (lost by a call), r6–r9 kept over calls, r10 frame pointer (read only).
 */
export type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;

export const r0 = 0;
export const r1 = 1;
export const r2 = 2;
export const r3 = 3;
export const r4 = 4;
export const r5 = 5;
export const r6 = 6;
export const r7 = 7;
export const r8 = 8;
export const r9 = 9;
export const fp = 10;
