import type { Elsewhere } from '../config/index.js';

const onItsServer =
  'leave it on its Python plugin server, as kind: external: docs/contextforge.md#plugins-that-stay-in-python';

const stays = (why: string): Elsewhere => ({ why, todo: onItsServer, external: true });
const nothing = (why: string, todo: string): Elsewhere => ({ why, todo, external: false });

/** Plugins of ContextForge that have no counterpart of the same kind here: what is missing, and what to do. */
const known: Readonly<Record<string, Elsewhere>> = {
  'plugins.span_attribute_customizer.span_attribute_customizer.SpanAttributeCustomizerPlugin': nothing(
    'it renames attributes of spans inside the process that makes them.',
    'nothing here: let the OpenTelemetry Collector rename them (its transform processor); docs/traces.md has the names',
  ),
  'plugins.tools_telemetry_exporter.telemetry_exporter.ToolsTelemetryExporterPlugin': nothing(
    'the gateway itself makes a span for every tool call and run of a plugin.',
    'set OTEL_EXPORTER_OTLP_ENDPOINT: docs/traces.md; contents of results are never in a span',
  ),
  'plugins.jwt_claims_extraction.jwt_claims_extraction.JwtClaimsExtractionPlugin': nothing(
    'claims of tokens that nobody verified are not handed to plugins here.',
    'gateway.auth verifies the token: rules and plugins see who it is of then: docs/oauth.md',
  ),
  'plugins.unified_pdp.unified_pdp.UnifiedPDPPlugin': stays(
    'its engines and their rules are not in the box.',
  ),
  'plugins.vault.vault_plugin.Vault': nothing(
    'the tags of gateways by which it chooses a token are not known here.',
    'name for each upstream what it is sent of the client: headers.from_client of the upstream in docs/gateway.md',
  ),
  'plugins.sparc_static_validator.sparc_static_validator.SPARCStaticValidatorPlugin': stays(
    'it is made of the Python package ALTK; the schema guard here validates arguments against JSON Schema, without guessing corrections.',
  ),
  'plugins.altk_json_processor.json_processor.ALTKJsonProcessor': stays(
    'it is made of the Python package ALTK, and runs code that a model wrote.',
  ),
  'plugins.virus_total_checker.virus_total_checker.VirusTotalURLCheckerPlugin': stays(
    'it asks the service of VirusTotal; the URL rules here know lists of domains and addresses, no service.',
  ),
  'plugins.citation_validator.citation_validator.CitationValidatorPlugin': stays(
    'it fetches every address that a result names; nothing here fetches what an upstream wrote.',
  ),
  'plugins.summarizer.summarizer.SummarizerPlugin': stays(
    'it has a model write a summary in place of a result.',
  ),
};

const retries = nothing(
  'it asks the gateway to call a tool once more, which this gateway never does by itself: a call may have had its effect.',
  'nothing here: let the client repeat what it knows to be safe',
);

/** What to do with a plugin whose `kind` is not in the box. */
export function elsewhere(kind: string): Elsewhere {
  if (Object.hasOwn(known, kind)) return known[kind] as Elsewhere;
  if (/(^|\.)RetryWithBackoffPlugin$/.test(kind)) return retries;
  return stays(`there is no plugin for ${kind} in the box.`);
}
