/** The rules of rows, each held against both kernels. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { rowFlag } from '../../src/event/kernel.ts';
import { blockOf, kernels, verdictCodes } from './kernels.ts';
import { testNow } from './random-events.ts';

const iso = new Date(testNow).toISOString();

for (const kernel of kernels) {
  describe(`rows of the ${kernel.kind} kernel`, () => {
    const row = (event: string) => blockOf(kernel, event).block;

    test('takes canonical names before aliases, and moves what nobody knows into properties', () => {
      const block = row(
        '{"type":"t","event":"e","user_id":"u","userId":"v","n":12345678901234567890,"k":1,"data":{"k":2}}',
      );
      assert.equal(block.text.get(block.textColumns.event_name[0]!), 'e');
      assert.equal(block.stringAt('user_id', 0), 'u');
      assert.equal(
        block.stringAt('properties', 0),
        '{"k":2,"type":"t","userId":"v","n":12345678901234567890}',
      );
      const moved = row('{"event":"view_end","watch_ms":700, "foo" : [1] ,"completed":true}');
      assert.equal(moved.stringAt('properties', 0), '{"watch_ms":700,"foo" : [1],"completed":true}');
      assert.equal(moved.watchMs[0], 700);
      assert.equal(moved.flags[0]! & rowFlag.completed, rowFlag.completed);
    });

    test('keeps properties as they were written, on one line', () => {
      assert.equal(
        row('{"event":"a","props":{ "n": 1.10,\n"m":1e400}}').stringAt('properties', 0),
        '{ "n": 1.10, "m":1e400}',
      );
      assert.equal(row('{"event":"a"}').stringAt('properties', 0), '{}');
    });

    test('cuts the address out of context', () => {
      const contexts = [
        ['{"a":1,"ip":"1.2.3.4","b":2}', '{"a":1,"b":2}'],
        ['{"ip":"1.2.3.4", "b":2}', '{"b":2}'],
        ['{"a":1 , "ip" : "1.2.3.4" }', '{"a":1 }'],
        ['{"ip":"1.2.3.4"}', '{}'],
        ['{"ip":1, "a":2,"ip":3}', '{"a":2}'],
        ['{"i\\u0070":"1.2.3.4","ip":"5"}', '{}'],
      ] as const;
      for (const [said, kept] of contexts) {
        assert.equal(row(`{"event":"a","context":${said}}`).stringAt('context', 0), kept);
      }
    });

    test('reads measures and switches', () => {
      const of = (properties: string) => row(`{"event":"a","properties":${properties}}`);
      const all = of(
        '{"watch_ms":12.5,"duration":3,"bitrate_kbps":800,"fatal":true,"instant_skip":"true","completed":1}',
      );
      assert.deepEqual([all.watchMs[0], all.durationMs[0], all.bitrate[0]], [12.5, 3000, 800_000]);
      const { watchMsKnown, durationMsKnown, bitrateKnown, fatal } = rowFlag;
      assert.equal(all.flags[0], watchMsKnown | durationMsKnown | bitrateKnown | fatal);
      const both = of('{"duration_ms":5,"duration":3,"bitrate":7,"bitrate_kbps":800}');
      assert.deepEqual([both.durationMs[0], both.bitrate[0]], [5, 7]);
      const odd = of('{"watch_ms":-1,"duration_ms":"5","duration":1e308,"bitrate":1e999}');
      assert.deepEqual([odd.watchMs[0], odd.durationMs[0], odd.bitrate[0]], [NaN, NaN, NaN]);
      assert.equal(of('{"watch_ms":1,"watch_ms":2}').watchMs[0], 2, 'the last of two counts');
      assert.ok(Object.is(of('{"watch_ms":-0}').watchMs[0], 0));
      assert.equal(of('{"watch_ms":596473.3329999998765}').watchMs[0], 596473.3329999999);
    });

    test('reads texts from context, then properties', () => {
      const block = row(
        '{"event":"a","context":{"userAgent":"UA","device":{"type":"phone"},"os":{"name":"iOS"},"location":{"country":"DE"},' +
          '"page":{"url":"https://a.example/x?y","referrer":"https://b.example/"},"campaign":{"name":"c","source":"s"},' +
          '"utm_medium":"m"},"properties":{"browser":"Safari","device_type":"tv","path":"/p"}}',
      );
      const text = Object.fromEntries(
        Object.entries(block.textColumns).map(([name, ids]) => [name, block.text.get(ids[0]!)]),
      );
      assert.deepEqual(text, {
        app_id: 'shop',
        event_name: 'a',
        user_agent: 'UA',
        device: 'phone',
        os: 'iOS',
        browser: 'Safari',
        country: 'DE',
        referrer: 'https://b.example/',
        page_url: 'https://a.example/x?y',
        page_path: '',
        utm_source: 's',
        utm_medium: 'm',
        utm_campaign: 'c',
        utm_term: '',
        utm_content: '',
      });
      const path = row('{"event":"a","properties":{"page":"/q","url":"https://a.example/z"}}');
      assert.equal(path.text.get(path.textColumns.page_path[0]!), '/q');
      assert.equal(path.text.get(path.textColumns.page_url[0]!), 'https://a.example/z');
      const cut = row(`{"event":"a","context":{"user_agent":"x${'é'.repeat(2000)}"}}`);
      assert.equal(cut.text.get(cut.textColumns.user_agent[0]!), `x${'é'.repeat(1023)}`);
    });

    test('makes ids: of a UUID in any case, of other text, of the place in the log', () => {
      const id = (event: string) =>
        [...row(event).idWords.subarray(0, 4)].map((word) => word.toString(16).padStart(8, '0')).join('');
      assert.equal(
        id('{"event":"a","event_id":"01A1FFF3-ead1-7a65-8ADA-1b072657a1ed"}'),
        '01a1fff3ead17a658ada1b072657a1ed',
      );
      assert.equal(id('{"event":"a","event_id":"abc"}'), id('{"event":"b","messageId":"abc"}'));
      assert.equal(id('{"event":"a","event_id":"\\u0061bc"}'), id('{"event":"a","event_id":"abc"}'));
      const odd = '01a1fff3-ead1-7a65+8ada-1b072657a1ed';
      assert.notEqual(id(`{"event":"a","event_id":"${odd}"}`), odd.replace(/[-+]/g, ''));
      assert.equal(id('{"event":"a","event_id":12}'), id('{"event":"a","event_id":"12"}'));
      assert.match(id('{"event":"a"}'), /^[0-9a-f]{12}5[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
      assert.notEqual(id('{"event":"a"}'), id('{"event":"a","event_id":"3:7:0"}'));
      const flag = (event: string) => row(event).flags[0]! & rowFlag.hasEventId;
      assert.deepEqual(
        [flag('{"event":"a"}'), flag('{"event":"a","event_id":"abc"}')],
        [0, rowFlag.hasEventId],
      );
    });

    test('hashes the payload without id, time of sending and order', () => {
      const hash = (event: string) => row(event).payloadWords.subarray(0, 2).join();
      const event = '{"event":"a","user_id":"u","ts":1795400000000,"properties":{"a":1}}';
      const same =
        '{"uuid":"x","properties":{"a":1},"event_type":"a","timestamp":1795400000000,"userId":"u","sent_at":5}';
      assert.equal(hash(event), hash(same));
      for (const other of [
        event.replace('"u"', '"w"'),
        event.replace('{"a":1}', '{"a":2}'),
        event.replace('"ts":1795400000000,', ''),
      ]) {
        assert.notEqual(hash(event), hash(other));
      }
    });

    test('derives views and waits for sessions', () => {
      const said = row('{"event":"a","session_id":"s","video_id":"v"}');
      assert.match(said.stringAt('view_id', 0), /^v_[0-9a-f]{16}$/);
      assert.equal(
        row('{"event":"b","session_id":"s","properties":{"video_id":"v"}}').stringAt('view_id', 0),
        said.stringAt('view_id', 0),
      );
      const waiting = row('{"event":"a","user_id":"u","video_id":"v"}');
      assert.deepEqual([...waiting.viewWords.subarray(0, 2)], [0, 0]);
      waiting.assignSession(0, 0xfedcba9876543210n);
      assert.equal(waiting.stringAt('session_id', 0), 's_fedcba9876543210');
      const again = row('{"event":"a","session_id":"s_fedcba9876543210","video_id":"v"}');
      assert.equal(waiting.stringAt('view_id', 0), again.stringAt('view_id', 0));
      assert.deepEqual(waiting.viewWords.subarray(0, 2), again.viewWords.subarray(0, 2));
      assert.equal(waiting.flags[0]! & rowFlag.sessionAssigned, rowFlag.sessionAssigned);
      said.assignSession(0, 1n);
      assert.equal(said.stringAt('session_id', 0), 's', 'a session that was sent stays');
      const nobody = row('{"event":"a","video_id":"v"}');
      nobody.assignSession(0, 1n);
      assert.deepEqual(
        [
          nobody.stringAt('session_id', 0),
          nobody.stringAt('view_id', 0),
          nobody.flags[0]! & rowFlag.hasActor,
        ],
        ['', '', 0],
      );
    });

    test('leaves out what it is told to, and counts on', () => {
      const block = kernel.createBlockBuilder();
      const value = Buffer.from('{"event":"a"}\n{"event":"b"}\nbad\n{"event":"c"}\n{}');
      const record = { value, receivedAt: testNow, sentAt: null, app: 'shop', partition: 0, offset: 0 };
      const result = block.add(record, Uint8Array.of(1, 0, 1, 0));
      assert.deepEqual([result.events, block.rows, [...block.index.subarray(0, 2)]], [5, 2, [1, 3]]);
      assert.deepEqual(verdictCodes(result.bad), ['4:missing_event_name']);
    });

    test('writes a row back as one event', () => {
      const event = {
        event_id: '01a1fff3-ead1-7a65-8ada-1b072657a1ed',
        event_name: 'a"b',
        app_id: 'x',
        user_id: 'ü',
        timestamp: iso,
        properties: { n: 1 },
        context: { os: 'iOS' },
      };
      assert.deepEqual(JSON.parse(row(JSON.stringify(event)).eventJson(0)), event);
    });

    test('grows with any number of rows, texts and bytes, and begins anew', () => {
      const block = kernel.createBlockBuilder({ rowsMax: 2, bytesMax: 16 });
      const record = { receivedAt: testNow, sentAt: null, app: 'shop', partition: 0, offset: 0 };
      for (let round = 0; round < 2; round++) {
        const lines = Array.from(
          { length: 700 },
          (_, i) => `{"event":"e${i}","user_id":"u${i}","properties":{"t":"${'x'.repeat(i % 400)}"}}`,
        );
        block.add({ ...record, value: Buffer.from(lines.join('\n')) }, null);
        assert.equal(block.rows, 700);
        assert.equal(block.text.size, 702);
        for (const i of [0, 1, 350, 699]) {
          assert.equal(block.text.get(block.textColumns.event_name[i]!), `e${i}`);
          assert.equal(block.stringAt('properties', i), `{"t":"${'x'.repeat(i % 400)}"}`);
        }
        block.reset();
        assert.deepEqual([block.rows, block.bytes, block.text.size], [0, 0, 1]);
      }
    });
  });
}
