export { atTarget, CallRefused, explain, MachineError, type Script, UserError } from '#door';
