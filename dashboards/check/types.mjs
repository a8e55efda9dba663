// Dashboards in, one TypeScript file out: each dashboard, each panel's options and each panel's own field settings as
// literals of the types that Grafana publishes in @grafana/schema. tsc then refuses a misspelt or misplaced option.
// usage: node types.mjs OUT.ts DASHBOARD.json...
import fs from 'node:fs';

// panel type -> its folder and namespace in the schema; a type that is not here is refused, so that none goes unchecked
const PANELS = {
  timeseries: 'TimeSeries', stat: 'Stat', gauge: 'Gauge', bargauge: 'BarGauge', table: 'Table',
};
// the panels whose schema names the type of `fieldConfig.defaults.custom`
const CUSTOM = new Set(['timeseries', 'table']);

const [out, ...files] = process.argv.slice(2);
const imports = new Set();
const checks = [];

for (const [number, file] of files.entries()) {
  const dashboard = JSON.parse(fs.readFileSync(file, 'utf8'));
  const check = (what, type, value) => {
    const literal = JSON.stringify(value, null, 2);
    checks.push(`// ${file}: ${what}\nexport const v${checks.length}: Plain<${type}> = ${literal};`);
  };
  check('the dashboard', 'Dashboard', dashboard);
  const panels = dashboard.panels.flatMap((panel) => panel.type === 'row' ? panel.panels ?? [] : [panel]);
  for (const panel of panels) {
    const name = PANELS[panel.type];
    if (!name) throw new Error(`${file}: panel "${panel.title}" is of type ${panel.type}; add it to dashboards/check/types.mjs`);
    imports.add(`import type * as ${name} from '@grafana/schema/dist/esm/raw/composable/${panel.type}/panelcfg/x/${name}PanelCfg_types.gen';`);
    check(`options of "${panel.title}"`, `Partial<${name}.Options>`, panel.options ?? {});
    if (CUSTOM.has(panel.type)) {
      check(`fields of "${panel.title}"`, `Partial<${name}.FieldConfig>`, panel.fieldConfig?.defaults?.custom ?? {});
    }
  }
  if (number === files.length - 1) console.log(`${files.length} dashboard(s), ${checks.length} values to type`);
}

// JSON has strings where the schema has enums, and may leave out what has a default
const PLAIN = `type Plain<T> = T extends string ? T | \`\${T}\`
  : T extends number | boolean | null | undefined ? T
  : T extends (infer U)[] ? Plain<U>[]
  : T extends object ? { [K in keyof T]?: Plain<T[K]> }
  : T;`;
fs.writeFileSync(out, [`import type { Dashboard } from '@grafana/schema';`, ...imports, PLAIN, ...checks].join('\n') + '\n');
