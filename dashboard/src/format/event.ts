/** Kinds of events, by their names. */

export function isErrorEvent(name: string): boolean {
  return name === 'error' || name.endsWith('_error');
}

/** The colour of an event's mark; errors also carry a sign. */
export function markColor(name: string): string {
  if (isErrorEvent(name)) return '--series-red';
  if (name.startsWith('video_buffer')) return '--series-amber';
  if (name === 'video_complete') return '--series-pink';
  if (name.startsWith('video_') || name === 'view_end') return '--series-blue';
  if (name === 'page_view' || name.startsWith('session_')) return '--series-green';
  return '--series-grey';
}
