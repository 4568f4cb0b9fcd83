import type { RowFunction } from './row-function.ts';

/** `0 First, 1 Second`: names by number; numbers without one count on from the one before. */
function numbered(text: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  let next = 0;
  for (const each of text.split(',')) {
    const [, number, name] = /^\s*(-?\d+)?\s*(.*?)\s*$/s.exec(each)!;
    if (number !== undefined) next = Number(number);
    names.set(next++, name!);
  }
  return names;
}

/** IANA's HTTP status codes. */
const httpMessages = numbered(`100 Continue, Switching Protocols, Processing, Early Hints, 200 OK, Created, Accepted,
  Non-Authoritative Information, No Content, Reset Content, Partial Content, Multi-Status, Already Reported, 226 IM Used,
  300 Multiple Choices, Moved Permanently, Found, See Other, Not Modified, Use Proxy, (Unused), Temporary Redirect,
  Permanent Redirect, 400 Bad Request, Unauthorized, Payment Required, Forbidden, Not Found, Method Not Allowed, Not Acceptable,
  Proxy Authentication Required, Request Timeout, Conflict, Gone, Length Required, Precondition Failed, Payload Too Large,
  URI Too Long, Unsupported Media Type, Range Not Satisfiable, Expectation Failed, 421 Misdirected Request,
  Unprocessable Entity, Locked, Failed Dependency, Too Early, Upgrade Required, 428 Precondition Required, Too Many Requests,
  431 Request Header Fields Too Large, 451 Unavailable For Legal Reasons, 500 Internal Server Error, Not Implemented,
  Bad Gateway, Service Unavailable, Gateway Timeout, HTTP Version Not Supported, Variant Also Negotiates,
  Insufficient Storage, Loop Detected, 510 Not Extended, Network Authentication Required`);
/** Kafka protocol guide, API keys. */
const kafkaKeys = numbered(`0 Produce, Fetch, ListOffsets, Metadata, LeaderAndIsr, StopReplica, UpdateMetadata,
  ControlledShutdown, OffsetCommit, OffsetFetch, FindCoordinator, JoinGroup, Heartbeat, LeaveGroup, SyncGroup,
  DescribeGroups, ListGroups, SaslHandshake, ApiVersions, CreateTopics, DeleteTopics, DeleteRecords, InitProducerId,
  OffsetForLeaderEpoch, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, WriteTxnMarkers, TxnOffsetCommit, DescribeAcls,
  CreateAcls, DeleteAcls, DescribeConfigs, AlterConfigs, AlterReplicaLogDirs, DescribeLogDirs, SaslAuthenticate,
  CreatePartitions, CreateDelegationToken, RenewDelegationToken, ExpireDelegationToken, DescribeDelegationToken,
  DeleteGroups, ElectLeaders, IncrementalAlterConfigs, AlterPartitionReassignments, ListPartitionReassignments,
  OffsetDelete, DescribeClientQuotas, AlterClientQuotas, DescribeUserScramCredentials, AlterUserScramCredentials,
  56 AlterIsr, UpdateFeatures, 60 DescribeCluster, DescribeProducers`);
/** MySQL client/server protocol, text and utility commands. */
const mysqlCommands =
  numbered(`0 Sleep, Quit, InitDB, Query, FieldList, CreateDB, DropDB, Refresh, Shutdown, Statistics,
  ProcessInfo, Connect, ProcessKill, Debug, Ping, Time, DelayedInsert, ChangeUser, BinlogDump, TableDump, ConnectOut,
  RegisterSlave, StmtPrepare, StmtExecute, StmtSendLongData, StmtClose, StmtReset, SetOption, StmtFetch, Daemon,
  BinlogDumpGTID, ResetConnection`);
/** CQL binary protocol v4, section 2.4. */
const cqlOpcodes =
  numbered(`0 Error, Startup, Ready, Authenticate, 5 Options, Supported, Query, Result, Prepare, Execute,
  Register, Event, 13 Batch, AuthChallenge, AuthResponse, AuthSuccess`);
/** IANA's DNS response codes. */
const dnsCodes = numbered(`0 NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, YXDOMAIN, YXRRSET, NXRRSET, NOTAUTH,
  NOTZONE, DSOTYPENI, 16 BADVERS, BADKEY, BADTIME, BADMODE, BADNAME, BADALG, BADTRUNC, BADCOOKIE`);
/** google.rpc.Code */
const grpcCodes = numbered(`0 OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS,
  PERMISSION_DENIED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED, INTERNAL, UNAVAILABLE,
  DATA_LOSS, UNAUTHENTICATED, -1 DO_NOT_USE`);
/** The protocols that Pixie traces, by its numbers. */
const protocols = numbered('0 Unknown, HTTP, HTTP2, MySQL, CQL, PGSQL, DNS, Redis, NATS, Mongo, Kafka, Mux, AMQP, TLS');
/** Mux (Finagle) frame types. */
const muxFrames = numbered(`1 Treq, Tdispatch, -1 Rreq, -2 Rdispatch, 64 Tdrain, Tping, Tdiscarded, Tlease, Tinit,
  -64 Rdrain, -65 Rping, -66 Rdiscarded, -68 Rinit, -128 Rerr, 127 Rerr (legacy), -62 Tdiscarded (legacy)`);
/** AMQP 0-9-1, 4.2.3. */
const amqpFrames = numbered('1 Frame method, Content Header, Content Body, 8 Heartbeat');
/** AMQP 0-9-1, methods by class: Connection 10, Channel 20, Exchange 40, Queue 50, Basic 60, Tx 90. */
const amqpMethods: ReadonlyMap<number, ReadonlyMap<number, string>> = new Map([
  [
    10,
    numbered(`10 ConnectionStart, ConnectionStart-ok, 20 ConnectionSecure, ConnectionSecure-ok, 30 ConnectionTune,
      ConnectionTune-ok, 40 ConnectionOpen, ConnectionOpen-ok, 50 ConnectionClose, ConnectionClose-ok`),
  ],
  [20, numbered('10 ChannelOpen, ChannelOpen-ok, 20 ChannelFlow, ChannelFlow-ok, 40 ChannelClose, ChannelClose-ok')],
  [40, numbered('10 ExchangeDeclare, ExchangeDeclare-ok, 20 ExchangeDelete, ExchangeDelete-ok')],
  [
    50,
    numbered(`10 QueueDeclare, QueueDeclare-ok, 20 QueueBind, QueueBind-ok, 30 QueuePurge, QueuePurge-ok, 40 QueueDelete,
      QueueDelete-ok, 50 QueueUnbind, QueueUnbind-ok`),
  ],
  [
    60,
    numbered(`10 BasicQos, BasicQos-ok, 20 BasicConsume, BasicConsume-ok, 30 BasicCancel, BasicCancel-ok, 40 BasicPublish,
      50 BasicReturn, 60 BasicDeliver, 70 BasicGet, BasicGet-ok, BasicGet-empty, 80 BasicAck, 90 BasicReject,
      100 BasicRecover-async, 110 BasicRecover, BasicRecover-ok`),
  ],
  [90, numbered('10 TxSelect, TxSelect-ok, 20 TxCommit, TxCommit-ok, 30 TxRollback, TxRollback-ok')],
]);

const amqpClasses = numbered('10 Connection, 20 Channel, 40 Exchange, 50 Queue, 60 Basic, 90 Tx');

function naming(name: string, names: ReadonlyMap<number, string>, other: (code: bigint) => string): RowFunction {
  const call = (code: bigint) => names.get(Number(code)) ?? other(code);
  return { name, parameters: ['int'], result: 'text', call };
}

/** Numbers of protocols to their names, with Pixie's words for a number that has none. */
export const numberedNames: readonly RowFunction[] = [
  naming('protocol_name', protocols, (code) => `Invalid (${code})`),
  naming('http_resp_message', httpMessages, () => 'Unassigned'),
  naming('kafka_api_key_name', kafkaKeys, String),
  naming('mysql_command_name', mysqlCommands, String),
  naming('cql_opcode_name', cqlOpcodes, String),
  naming('dns_rcode_name', dnsCodes, String),
  naming('mux_frame_type_name', muxFrames, (code) => `Unknown (${code})`),
  naming('amqp_frame_type_name', amqpFrames, String),
  naming('grpc_status_code_to_str', grpcCodes, () => 'unknown code'),
  {
    name: 'amqp_method_name',
    parameters: ['int', 'int'],
    result: 'text',
    call: (kind: bigint, method: bigint) =>
      amqpMethods.get(Number(kind))?.get(Number(method)) ?? amqpClasses.get(Number(kind)) ?? 'Unknown',
  },
];
