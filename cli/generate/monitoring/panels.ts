/** A question to Prometheus and what its answer is called. */
export interface Query {
  readonly expr: string;
  readonly legend?: string;
}

/** A panel before it has a place. */
export interface PanelWish {
  readonly title: string;
  readonly description?: string;
  readonly unit: string;
  readonly kind: "timeseries" | "stat";
  /** Of 24 columns. */
  readonly width: number;
  readonly queries: readonly Query[];
  /** From this value on a figure is shown as bad. */
  readonly bad?: number;
}

/** A heading and what is below it; panels flow from left to right. */
export interface Row {
  readonly title: string;
  readonly panels: readonly PanelWish[];
  /** Folded away until somebody opens it. */
  readonly collapsed?: boolean;
}

const COLUMNS = 24;
const HEIGHT = 7;
const datasource = { type: "prometheus", uid: "${datasource}" } as const;

/** The panels of all rows in Grafana's own shape (schema version 39), each with an id and a place. */
export function laidOut(rows: readonly Row[]): object[] {
  let [id, y] = [0, 0];
  return rows.flatMap(({ title, panels, collapsed = false }): object[] => {
    const heading = {
      id: (id += 1),
      type: "row",
      title,
      collapsed,
      gridPos: { h: 1, w: COLUMNS, x: 0, y },
    };
    y += 1;
    let x = 0;
    const placed = panels.map((wish) => {
      if (x + wish.width > COLUMNS) {
        x = 0;
        y += HEIGHT;
      }
      const panel = panelOf(wish, (id += 1), { h: HEIGHT, w: wish.width, x, y });
      x += wish.width;
      return panel;
    });
    y += HEIGHT;
    return collapsed ? [{ ...heading, panels: placed }] : [{ ...heading, panels: [] }, ...placed];
  });
}

function panelOf(
  { title, description = "", unit, kind, queries, bad }: PanelWish,
  id: number,
  gridPos: object,
) {
  const steps = [
    { color: "green", value: null },
    ...(bad === undefined ? [] : [{ color: "red", value: bad }]),
  ];
  return {
    id,
    type: kind,
    title,
    description,
    datasource,
    gridPos,
    fieldConfig: { defaults: { unit, thresholds: { mode: "absolute", steps } }, overrides: [] },
    options:
      kind === "stat" ? { reduceOptions: { calcs: ["lastNotNull"] } } : { legend: { showLegend: true } },
    targets: queries.map(({ expr, legend = "" }, index) => ({
      refId: String.fromCodePoint(65 + index),
      datasource,
      expr,
      legendFormat: legend,
    })),
  };
}
