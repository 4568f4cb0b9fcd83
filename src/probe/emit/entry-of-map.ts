import { type Assembler, fp, immediate, type Label, r0, r2, r3, r4, r8 } from '#asm';

/** BPF_NOEXIST (include/uapi/linux/bpf.h) of `map_update_elem`: another CPU may have made the key meanwhile. */
export const noExist = 1;

/**
 * r8 = the value of the key at `key` of the stack, in the map that `loadMap` puts into r1: made of what is at `fresh`, where there is none; to `none` where there is no room. Loses r0–r5.
 */
export function entryOfMap(
  asm: Assembler,
  loadMap: () => void,
  { key, fresh }: { readonly key: number; readonly fresh: number },
  none: Label,
): void {
  const found = asm.newLabel();
  const call = (helper: 'map_lookup_elem' | 'map_update_elem') => {
    loadMap();
    asm.mov(r2, fp);
    asm.alu('add', r2, immediate(key));
    if (helper === 'map_update_elem') {
      asm.mov(r3, fp);
      asm.alu('add', r3, immediate(fresh));
      asm.mov(r4, immediate(noExist));
    }
    asm.call(helper);
  };
  call('map_lookup_elem');
  asm.jumpIf('ne', r0, immediate(0), found);
  call('map_update_elem');
  call('map_lookup_elem');
  asm.jumpIf('eq', r0, immediate(0), none);
  asm.label(found);
  asm.mov(r8, r0);
}
