import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPublicAddress, literalAddress, lookupPublic } from '../../src/webhook/address.ts';

test('addresses of the public Internet, and all the others', () => {
  for (const address of [
    '1.1.1.1',
    '8.8.8.8',
    '172.15.0.1',
    '172.32.0.1',
    '100.63.0.1',
    '2606:4700::1111',
    '2a00::1',
  ])
    assert.ok(isPublicAddress(address), address);
  const others = [
    ...[
      '0.0.0.0',
      '10.1.2.3',
      '100.64.0.1',
      '127.0.0.1',
      '127.255.0.9',
      '169.254.169.254',
      '172.16.0.1',
      '172.31.9.9',
    ],
    ...[
      '192.168.1.1',
      '198.18.0.1',
      '224.0.0.1',
      '255.255.255.255',
      '::',
      '::1',
      '::ffff:127.0.0.1',
      '::ffff:8.8.8.8',
    ],
    ...[
      'fe80::1',
      'fc00::1',
      'fd12::1',
      'ff02::1',
      '64:ff9b::7f00:1',
      '2002:7f00:1::',
      '2001::1',
      'example.org',
      '',
    ],
  ];
  for (const address of others) assert.ok(!isPublicAddress(address), address);
});

test('an address is one however the URL writes it', () => {
  const of = (url: string) => literalAddress(new URL(url));
  assert.equal(of('http://2130706433/'), '127.0.0.1');
  assert.equal(of('http://0x7f.1/'), '127.0.0.1');
  assert.equal(of('http://[::FFFF:127.0.0.1]/'), '::ffff:7f00:1');
  assert.ok(!isPublicAddress('::ffff:7f00:1'));
  assert.equal(of('http://localhost/'), null);
});

test('a name that leads to this machine is refused when it is resolved', async () => {
  for (const all of [true, false]) {
    const error = await new Promise<Error | null>((done) =>
      lookupPublic('localhost', { all }, (e) => done(e)),
    );
    assert.match(String(error), /localhost is a loopback, private or special address/);
  }
});
