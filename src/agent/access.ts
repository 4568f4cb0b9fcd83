import { type Access, clientName, first, OpenCalls, type Role } from '#door';

/** The Unix socket: whoever its file mode lets in may everything. */
export const socketAccess: Access = {
  identify(metadata) {
    const own = first(metadata, 'sonde-client') !== '';
    const name = own ? first(metadata, 'sonde-owner') || 'px' : clientName(metadata);
    return { name, role: 'admin', audience: own ? 'sonde' : 'pixie', open: new OpenCalls('', 1), ahead: 16 };
  },
};

/** Which role a method needs over the network. What is not here, the network cannot call. */
export const networkMethods: Readonly<Record<string, Role>> = {
  '/px.api.vizierpb.VizierService/ExecuteScript': 'viewer',
  '/px.api.vizierpb.VizierService/HealthCheck': 'viewer',
  '/px.cloudapi.VizierClusterInfo/GetClusterInfo': 'viewer',
  '/sonde.v1.SondeService/Status': 'tracer',
  '/sonde.v1.SondeService/ListProcesses': 'tracer',
  '/sonde.v1.SondeService/ListFunctions': 'tracer',
  '/sonde.v1.SondeService/ListTracepoints': 'tracer',
  '/sonde.v1.SondeService/DeleteTracepoint': 'tracer',
  '/sonde.v1.SondeService/Trace': 'tracer',
  '/sonde.v1.SondeService/DebugCompile': 'tracer',
  '/sonde.v1.SondeService/DebugSites': 'tracer',
  '/sonde.v1.SondeService/Doctor': 'admin',
  '/sonde.v1.SondeService/Stop': 'admin',
};
