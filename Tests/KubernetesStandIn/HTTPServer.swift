import HTTPTypes
import Hummingbird
import HummingbirdCore
import KubernetesClient
import Logging
import Synchronization

/// What the HTTP side does with a request.
struct Reaction: Sendable {
    /// The answer; `nil` breaks the connection instead.
    var answer: (@Sendable () -> APIAnswer)?
    var delay: Duration?
    /// The connection breaks after so many bytes of the body.
    var bodyLimit: Int?
    /// The body comes in pieces with pauses between them.
    var piece: (bytes: Int, pause: Duration)?
}

/// An HTTP server on a free port of 127.0.0.1.
final class HTTPServer: Sendable {
    let port: Int
    /// What is being answered at length.
    let streams: OpenStreams
    private let task: Task<Void, any Error>

    private init(port: Int, streams: OpenStreams, task: Task<Void, any Error>) {
        self.port = port
        self.streams = streams
        self.task = task
    }

    /// Starts a server; returns once it listens.
    static func start(_ react: @escaping @Sendable (APIRequest) -> Reaction?) async throws -> HTTPServer {
        let (ports, found) = AsyncStream<Int>.makeStream()
        let streams = OpenStreams()
        let application = Application(
            responder: CallbackResponder<BasicRequestContext> { _, _ in Response(status: .notImplemented) },
            server: HTTPServerBuilder { _ in
                HTTP1Channel(responder: { request, writer, _ in try await respond(request, writer, streams, react) })
            },
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                found.yield(channel.localAddress?.port ?? 0)
                found.finish()
            },
            logger: Logger(label: "stand-in", factory: { _ in SwiftLogNoOpLogHandler() }))
        // It ends with `stop`, not with the task that started it.
        let task = Task {
            defer { found.finish() }
            try await application.run()
        }
        for await port in ports where port != 0 { return HTTPServer(port: port, streams: streams, task: task) }
        task.cancel()
        try await task.value
        throw NotStarted()
    }

    private struct NotStarted: Error {}

    func stop() async {
        task.cancel()
        _ = await task.result
    }
}

/// Breaks the connection: there is no answer to such an error.
private struct Broken: Error {}

@concurrent
private func respond(
    _ request: Request, _ writer: consuming ResponseWriter, _ streams: OpenStreams,
    _ react: @Sendable (APIRequest) -> Reaction?
) async throws {
    var headers: [String: String] = [:]
    for field in request.headers { headers[field.name.canonicalName] = field.value }
    // A GET's body stays unread: reading on is how a watch learns that its client has gone.
    let body =
        request.method == .get ? [] : Array(try await request.body.collect(upTo: 3 * 1024 * 1024).readableBytesView)
    let received = APIRequest(
        method: request.method.rawValue, target: request.head.path ?? "/", headers: headers, body: body)
    guard let reaction = react(received) else { throw Broken() }
    if let delay = reaction.delay { try await Task.sleep(for: delay) }
    guard let answer = reaction.answer?() else { throw Broken() }

    var head = HTTPResponse(status: .init(code: answer.status))
    head.headerFields = [.contentType: answer.contentType, .cacheControl: "no-cache, private"]
    for field in answer.fields {
        if let name = HTTPField.Name(field.name) { head.headerFields.append(HTTPField(name: name, value: field.value)) }
    }
    let budget = ByteBudget(reaction.bodyLimit)
    let outlet = Outlet(budget: budget, piece: reaction.piece)
    switch answer.body {
    case .bytes(let bytes):
        head.headerFields[.contentLength] = String(bytes.count)
        var bodyWriter: any ResponseBodyWriter = try await writer.writeHead(head)
        try await outlet.write(bytes, to: &bodyWriter)
        try await bodyWriter.finish(nil)
    case .stream(let produce):
        var bodyWriter: any ResponseBodyWriter = try await writer.writeHead(head)
        let (pieces, queue) = AsyncStream<[UInt8]>.makeStream()
        let number = streams.add(OpenStreams.Stream(request: received, budget: budget) { queue.finish() })
        defer { streams.remove(number) }
        let producer = Task {
            defer { queue.finish() }
            try await produce { queue.yield($0) }
        }
        defer { producer.cancel() }
        try await request.body.consumeWithCancellationOnInboundClose { _ in
            for await piece in pieces { try await outlet.write(piece, to: &bodyWriter) }
            if budget.isSpent { throw Broken() }
            try Task.checkCancellation()
        }
        try await bodyWriter.finish(nil)
    }
}

/// Writes a body, as far and as fast as it is let.
private struct Outlet {
    let budget: ByteBudget
    let piece: (bytes: Int, pause: Duration)?

    @concurrent
    func write(_ bytes: [UInt8], to writer: inout any ResponseBodyWriter) async throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(budget.take(min(rest.count, piece?.bytes ?? .max)))
            if !part.isEmpty { try await writer.write(ByteBuffer(bytes: part)) }
            rest = rest.dropFirst(part.count)
            if budget.isSpent { throw Broken() }
            if let pause = piece?.pause { try await Task.sleep(for: pause) }
        }
    }
}
