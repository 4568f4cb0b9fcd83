export { instructionText, openGoFile } from './go-binary.ts';
export { addGoroutine, enter, setRegister, type TestGoroutine, type TestRegister, testRuntime } from './goroutine.ts';
export { BadProgram, newWorld, run, type World } from './interpreter.ts';
export { UserMemory } from './memory.ts';
export { recordBytes, type TestRecord } from './record.ts';
export { rowsOf, type TestRow } from './rows.ts';
export { newTestTypes, testDescriptors, testTypeRefs, testTypes } from './types.ts';
