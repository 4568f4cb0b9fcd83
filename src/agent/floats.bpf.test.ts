import { afterAll, expect, it } from 'vitest';
import { readCpus } from '#sys';
import { TestDeployer } from '../../testing/deployer.ts';
import { realTimeThreads } from '../../testing/kickers.ts';
import { killStarted } from '../../testing/process.ts';
import { CallsProgram } from '../../testing/targets.ts';

afterAll(killStarted);

it('kickers are there while a probe wants floats, and only then; their waiting counts as cost', async () => {
  await using deployer = new TestDeployer();
  const program = await CallsProgram.start();
  const cpus = readCpus(deployer.sys, 'online').length;
  const plain = await deployer.place(program.pid, 'main.signed');
  expect(realTimeThreads()).toEqual([]);
  const one = await deployer.place(program.pid, 'main.floats');
  expect(realTimeThreads()).toHaveLength(cpus);
  const other = await deployer.place(program.pid, 'main.mixed');
  expect(realTimeThreads()).toHaveLength(cpus);

  await program.command('floats');
  await program.command('scalars');
  await one.deployment.flush();
  expect(one.rows[3]).toMatchObject({ args: { a: 0.1, b: 0.1, z: '(0.1+0.3i)' }, notes: '' });
  const calls = one.rows.length;
  expect(calls).toBe(16);
  // Traps that cost nothing leave the waiting.
  expect(one.deployment.cost(0, 0)).toBeGreaterThan(calls * 500);
  expect(plain.deployment.hits).toBeGreaterThan(0);
  expect(plain.deployment.cost(0, 0)).toBe(0);

  await one.deployment.close();
  expect(realTimeThreads()).toHaveLength(cpus);
  await other.deployment.close();
  expect(realTimeThreads()).toEqual([]);
  await plain.deployment.close();
});
