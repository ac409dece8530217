import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readGiven } from '../../../../dashboard/src/pages/catalogue/given.ts';

describe('videos as they are pasted', () => {
  it('are an array, with the line of each', () => {
    const text =
      '\n[\n  {"video_id": "a",\n   "tags": ["x", "y,[{"]}, {"video_id": 2},\n\n  {"video_id": "c"}\n]\n';
    const { videos, lines, faults } = readGiven(text);
    assert.deepEqual(videos, JSON.parse(text));
    assert.deepEqual(lines, [3, 4, 6]);
    assert.deepEqual(faults, []);
  });

  it('are inside an object, whatever stands beside them', () => {
    const text =
      '{"note": ["no", {"videos": [1]}],\n"videos":\n[{"video_id": "a"},\n{"video_id": "b"}], "more": [{}]}';
    const { videos, lines, faults } = readGiven(text);
    assert.deepEqual(videos, [{ video_id: 'a' }, { video_id: 'b' }]);
    assert.deepEqual(lines, [3, 4]);
    assert.deepEqual(faults, []);
  });

  it('are one alone, over several lines', () => {
    assert.deepEqual(readGiven('\n\n{\n"video_id": "a"\n}'), {
      videos: [{ video_id: 'a' }],
      lines: [3],
      faults: [],
    });
  });

  it('are one a line, with blank ones between', () => {
    const given = readGiven('{"video_id": "a"}\n\n{"video_id": "b"}\n');
    assert.deepEqual(given.lines, [1, 3]);
    assert.deepEqual(given.faults, []);
  });

  it('are nothing', () => {
    for (const text of ['', ' \n ', '[]', '{"videos": []}']) {
      const given = readGiven(text);
      assert.deepEqual([given.videos, given.lines, given.faults], [[], [], []], text);
    }
  });
});

describe('what is wrong with them', () => {
  const where = (text: string): number[] => readGiven(text).faults.map(({ line }) => line);

  it('is said by line, for each broken line', () => {
    const text = '{"video_id": "a"}\n{"video_id": "b"\nno json\n\n{"video_id": "c"}';
    assert.deepEqual(where(text), [2, 3]);
    assert.deepEqual(readGiven(text).videos, [{ video_id: 'a' }, { video_id: 'c' }]);
  });

  it('is said for the line that an array breaks in', () => {
    assert.deepEqual(where('[\n{"video_id": "a"},\n{"video_id" "b"}\n]'), [3]);
    assert.deepEqual(where('[\n{"video_id": "a"},\n{"video_id": "b"}\n'), [3]);
    assert.deepEqual(where('{"videos": [\n{"video_id": "a"}\n{"video_id": "b"}\n]}'), [3]);
  });

  it('is an id that is missing, or there twice', () => {
    const text = '[{"video_id": "a"},\n{"title": "b"},\n{"video_id": "a"},\n3, null]';
    const { faults } = readGiven(text);
    assert.deepEqual(faults, [
      { line: 2, detail: 'It has no video_id.' },
      { line: 3, detail: 'The video "a" is in line 1 already.' },
      { line: 4, detail: 'It has no video_id.' },
      { line: 4, detail: 'It has no video_id.' },
    ]);
  });

  it('never loses a video or a line of well-formed text', () => {
    const values = ['"a,b]"', '{"q": "\\\\\\""}', '[[], {}]', '-1e3', 'true', '"\\u005b"'];
    for (let seed = 0; seed < 200; seed += 1) {
      const count = seed % 7;
      const expected: number[] = [];
      let text = '[';
      let line = 1;
      for (let index = 0; index < count; index += 1) {
        const breaks = (seed * 7 + index * 3) % 4;
        text += '\n'.repeat(breaks);
        line += breaks;
        expected.push(line);
        text += `{"video_id": ${index}, "more": ${values[(seed + index) % values.length]}}`;
        if (index < count - 1) text += ' , ';
      }
      text += '\n]';
      const given = readGiven(text);
      assert.deepEqual(given.lines, expected, text);
      assert.equal(given.videos.length, count);
      assert.deepEqual(given.faults, []);
    }
  });
});
