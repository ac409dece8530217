import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '../../src/telemetry/logger.ts';

test('logs are JSON lines, without credentials', () => {
  const lines: string[] = [];
  const logger = createLogger({
    level: 'info',
    destination: { write: (line: string) => void lines.push(line) },
  });
  logger.debug('unheard');
  logger.warn({ headers: { authorization: 'Bearer x', 'x-api-key': 'y', accept: '*/*' } }, 'refused');
  assert.equal(lines.length, 1);
  const line = JSON.parse(lines[0]!);
  assert.deepEqual([line.level, line.msg, line.service], ['warn', 'refused', 'sluice']);
  assert.deepEqual(line.headers, { authorization: '[redacted]', 'x-api-key': '[redacted]', accept: '*/*' });
  assert.ok(!Number.isNaN(Date.parse(line.time)));
});
