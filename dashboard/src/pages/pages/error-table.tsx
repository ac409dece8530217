import type { Behavior } from '../../data/types-behavior.ts';
import type { Query } from '../../data/use-query.ts';
import { fullNumber, shortNumber } from '../../format/number.ts';
import { eventTime, exactTime } from '../../format/time.ts';
import { Empty, Panel, SkeletonRows, States } from '../../ui/panel.tsx';
import { Scroller } from '../../ui/scroller.tsx';

/** What went wrong for people, those messages together that differ only in numbers and ids. */
export function ErrorTable({ query }: { query: Query<Behavior> }) {
  const errors = query.data?.errors ?? [];
  return (
    <Panel title="Errors" class="panel-list">
      <States
        query={query}
        skeleton={<SkeletonRows count={8} />}
        isEmpty={errors.length === 0}
        empty={
          <Empty>
            <p>
              <b>No error in this range</b>
              <br />
              <span class="muted">
                Errors are events named error or video_error, with properties.message.
              </span>
            </p>
          </Empty>
        }
      >
        <Scroller label="Errors" class="table-scroll">
          <table class="table table-errors">
            <thead>
              <tr>
                <th scope="col">Message</th>
                <th scope="col" class="num">
                  Times
                </th>
                <th scope="col" class="num">
                  Users
                </th>
                <th scope="col">First</th>
                <th scope="col">Last</th>
              </tr>
            </thead>
            <tbody>
              {errors.map((error) => (
                <tr key={error.fingerprint}>
                  <td title={error.message}>
                    <span class="cut">{error.pattern || 'Without a message'}</span>
                  </td>
                  <td class="num" title={fullNumber(error.count)}>
                    {shortNumber(error.count)}
                  </td>
                  <td class="num" title={fullNumber(error.users)}>
                    {shortNumber(error.users)}
                  </td>
                  <td class="muted" title={exactTime(error.first_seen)}>
                    {eventTime(error.first_seen, new Date())}
                  </td>
                  <td class="muted" title={exactTime(error.last_seen)}>
                    {eventTime(error.last_seen, new Date())}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroller>
      </States>
    </Panel>
  );
}
