import { generateAdmission } from "#cli/generate/admission.ts";
import { generateAdmissionPage } from "#cli/generate/admission/page.ts";
import { generateAggregation } from "#cli/generate/aggregation.ts";
import { generateAsyncApi } from "#cli/generate/asyncapi.ts";
import { generateCommandLinePage } from "#cli/generate/command-line-page.ts";
import { generateConditionsPage } from "#cli/generate/conditions-page.ts";
import { generateCrds } from "#cli/generate/crds.ts";
import { generateEventPage } from "#cli/generate/events.ts";
import { generateChart } from "#cli/generate/chart/chart.ts";
import { clusterctlFiles } from "#cli/generate/clusterctl/index.ts";
import { deployManifests } from "#cli/generate/deploy/index.ts";
import { generateMetricsPage } from "#cli/generate/metrics-page.ts";
import { generateMonitoring } from "#cli/generate/monitoring/index.ts";
import { generateReference } from "#cli/generate/reference.ts";
import { generateRightsPage } from "#cli/generate/rights-page.ts";

/** Every generated file of the repository by path from its root. Pure: the same sources give the same bytes. */
export function generatedFiles(): Map<string, string> {
  const crds = generateCrds();
  const monitoring = generateMonitoring();
  const admission = generateAdmission();
  const files = new Map([
    ...crds,
    ...admission,
    ...generateAggregation(),
    ...deployManifests(),
    ...monitoring,
    ...generateChart({ crds, admission, monitoring }),
    ...generateReference(),
    ...generateAdmissionPage(),
    ...generateRightsPage(),
    ...generateConditionsPage(),
    ...generateMetricsPage(),
    ...generateCommandLinePage(),
    ...generateEventPage(),
    ...generateAsyncApi(),
  ]);
  return new Map([...files, ...clusterctlFiles(files)]);
}
