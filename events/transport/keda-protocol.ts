import type { ServiceDefinition } from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";
import * as z from "zod";

const reference = "ScaledObjectRef";
const field = (type: string, id: number) => ({ type, id });
const metadata = { keyType: "string", ...field("string", 3) };
const list = (type: string, id: number) => ({ rule: "repeated", type, id });

/**
 * KEDA's external scaler (`pkg/scalers/externalscaler/externalscaler.proto`), as far as it is served here: `StreamMetricSpec` is optional. Names and numbers of
 * fields are the protocol; they stand here so that no file has to be read.
 */
const protocol: Parameters<typeof fromJSON>[0] = {
  nested: {
    externalscaler: {
      nested: {
        ExternalScaler: {
          methods: {
            IsActive: {
              requestType: reference,
              responseType: "IsActiveResponse",
              comment: "Whether there is work",
            },
            StreamIsActive: {
              requestType: reference,
              responseType: "IsActiveResponse",
              responseStream: true,
              comment: "The same whenever it changes",
            },
            GetMetricSpec: {
              requestType: reference,
              responseType: "GetMetricSpecResponse",
              comment: "What is measured, and how much of it one pod is for",
            },
            GetMetrics: {
              requestType: "GetMetricsRequest",
              responseType: "GetMetricsResponse",
              comment: "How much there is",
            },
          },
        },
        ScaledObjectRef: {
          fields: {
            name: field("string", 1),
            namespace: field("string", 2),
            scalerMetadata: metadata,
          },
        },
        IsActiveResponse: { fields: { result: field("bool", 1) } },
        GetMetricSpecResponse: { fields: { metricSpecs: list("MetricSpec", 1) } },
        MetricSpec: {
          fields: {
            metricName: field("string", 1),
            targetSize: field("int64", 2),
            targetSizeFloat: field("double", 3),
          },
        },
        GetMetricsRequest: {
          fields: { scaledObjectRef: field(reference, 1), metricName: field("string", 2) },
        },
        GetMetricsResponse: { fields: { metricValues: list("MetricValue", 1) } },
        MetricValue: {
          fields: {
            metricName: field("string", 1),
            metricValue: field("int64", 2),
            metricValueFloat: field("double", 3),
          },
        },
      },
    },
  },
};

const referenceSchema = z.object({ scalerMetadata: z.record(z.string(), z.string()).prefault({}) });
const metricsSchema = z.object({ scaledObjectRef: referenceSchema.prefault({}) });

/** The service, for a server and for clients alike. */
export function externalScaler(): ServiceDefinition {
  const service = fromJSON(protocol, { longs: Number })["externalscaler.ExternalScaler"];
  if (service === undefined || "format" in service)
    throw new Error("externalscaler.ExternalScaler is no service");
  return service;
}

/** The trigger metadata `function` of a ScaledObject that a request is about. */
export function functionOf(request: unknown): string | undefined {
  return referenceSchema.safeParse(request).data?.scalerMetadata["function"];
}

/** The same of a request for metrics. */
export function functionMeasured(request: unknown): string | undefined {
  return functionOf(metricsSchema.safeParse(request).data?.scaledObjectRef);
}
