import { surveyClusters } from "#cli/takeover/clusters.ts";
import { surveyControllers } from "#cli/takeover/controllers.ts";
import { surveyDefinitions } from "#cli/takeover/definitions.ts";
import type { Direction, Report, TakeoverWorld } from "#cli/takeover/report.ts";
import { surveyWebhooks } from "#cli/takeover/webhooks.ts";

/**
 * Looks at everything a takeover touches, and writes nothing. The steps are in an order in which an interruption between any two of them leaves
 * a state that works: first nobody acts any more, then what stands in the way is put aside.
 */
export async function survey(world: TakeoverWorld, direction: Direction): Promise<Report> {
  const { management } = world;
  const controllers = await surveyControllers(management, direction);
  const webhooks = await surveyWebhooks(management, direction);
  const definitions = await surveyDefinitions(management, direction);
  const clusters = await surveyClusters(world, direction, definitions.stored);
  const parts = [controllers, webhooks, definitions, clusters];
  // On the way back the webhooks are asked again only when somebody answers.
  return {
    direction,
    findings: parts.flatMap(({ findings }) => findings),
    steps: [
      ...controllers.steps,
      ...clusters.steps,
      ...definitions.steps,
      ...controllers.starting,
      ...webhooks.steps,
    ],
  };
}
