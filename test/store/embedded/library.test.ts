import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findEngineLibrary } from '../../../src/store/embedded/library.ts';

test('a platform without an engine is told to use a server', () => {
  assert.throws(() => findEngineLibrary('win32-x64'), {
    code: 'unsupported',
    message: /win32-x64.*ANALYTICS_CH_URL/,
  });
});

test('a missing package is named, with what to do', () => {
  const resolve = (specifier: string): string => {
    throw new Error(`Cannot find module '${specifier}'`);
  };
  const expected = { code: 'missing_package', message: /@chdb\/lib-linux-x64-gnu.*ANALYTICS_CH_URL/ };
  assert.throws(() => findEngineLibrary('linux-x64', resolve), expected);
});

test('a package without its library is not taken for one', () => {
  const resolve = (specifier: string): string => `/nowhere/${specifier}`;
  assert.throws(() => findEngineLibrary('linux-x64', resolve), {
    code: 'missing_package',
    message: /libchdb\.so/,
  });
});
