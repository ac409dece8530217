import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { draftOf, faultOf, newDraft, videoOf } from '../../../../dashboard/src/pages/catalogue/draft.ts';

const VIDEO = {
  video_id: ' spaced ',
  title: 'The River',
  duration_seconds: 1320.5,
  series: 'Waters',
  season: 0,
  episode: 3,
  tags: ['nature', 'slow, calm'],
  published_at: '2026-01-31T12:30:00.000Z',
  live: true,
};
const KEPT = { created_at: '2026-11-23T08:03:06.086Z', updated_at: '2026-11-23T08:03:06.086Z' };

describe('a video as it is typed', () => {
  it('loses nothing when it is saved as it was', () => {
    assert.deepEqual(videoOf(draftOf({ ...VIDEO, ...KEPT })), VIDEO);
    assert.equal(faultOf(draftOf({ ...VIDEO, ...KEPT })), null);
  });

  it('knows nothing of what is left empty', () => {
    assert.deepEqual(videoOf({ ...newDraft(), id: ' a ' }), {
      video_id: 'a',
      title: null,
      duration_seconds: null,
      series: null,
      season: null,
      episode: null,
      tags: [],
      published_at: null,
      live: false,
    });
  });

  it('is refused where the service would refuse it', () => {
    const draft = { ...newDraft(), id: 'a' };
    for (const bad of [
      { id: ' ' },
      { seconds: '0' },
      { seconds: '1:30' },
      { season: '1.5' },
      { episode: 'three' },
      { published: 'last year' },
    ]) {
      assert.notEqual(faultOf({ ...draft, ...bad }), null, JSON.stringify(bad));
    }
  });
});
