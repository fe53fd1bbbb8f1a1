/** The charts of several jobs overlaid, updated while they run. */

import { type ReactElement, useCallback, useEffect, useMemo, useState } from 'react';

import type { Job } from '../api/types.js';
import { Empty, Loading } from '../shared/basics.js';
import { ChartStore } from './chartStore.js';
import { useNavigation, useStream } from '../shared/context.js';
import { ChartBoard } from './ChartBoard.js';
import { firstStart } from './ChartsView.js';
import { type Compared, contextOfAll, jobOfKey, merged } from './compare.js';

export function CompareCharts({ jobs }: { jobs: readonly Job[] }): ReactElement {
  const navigation = useNavigation();
  const { stores, version } = useChartStores(jobs.map((job) => job.id).join());
  const compared = useMemo(
    () =>
      jobs.map((job): Compared => {
        const charts = [...(stores.get(job.id)?.charts.values() ?? [])].filter(
          (chart) => chart.series.size > 0,
        );
        return { id: job.id, name: job.name, started: firstStart(job), charts };
      }),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the stores change in place; their version says when
    [jobs, stores, version],
  );
  const charts = useMemo(() => merged(compared), [compared]);
  const context = useMemo(() => contextOfAll(compared), [compared]);
  const onLine = useCallback(
    (line: number, key: string) => {
      navigation.go({ page: 'job', id: jobOfKey(key), view: { tab: 'log', line } });
    },
    [navigation],
  );
  if (charts.length === 0) {
    const ready = [...stores.values()].every((store) => store.ready);
    return ready && stores.size > 0 ? <Empty title="These jobs have no charts." /> : <Loading />;
  }
  return <ChartBoard job={null} charts={charts} context={context} shown={null} onLine={onLine} />;
}

/** One store per job (`ids` is comma-separated), and a version that changes whenever one of them does. */
function useChartStores(ids: string): { stores: ReadonlyMap<string, ChartStore>; version: number } {
  const stream = useStream();
  const [state, setState] = useState<{ stores: ReadonlyMap<string, ChartStore>; version: number }>({
    stores: new Map(),
    version: 0,
  });
  useEffect(() => {
    const stores = new Map(ids.split(',').map((id) => [id, new ChartStore(stream, id)]));
    setState({ stores, version: 0 });
    for (const store of stores.values()) {
      store.onChange(() => {
        setState((old) => ({ stores, version: old.version + 1 }));
      });
      store.start();
    }
    return () => {
      for (const store of stores.values()) store.stop();
    };
  }, [stream, ids]);
  return state;
}
