export { type Exported, Exporter, ExportFailed, exportedText, exportRows } from './exporter.ts';
