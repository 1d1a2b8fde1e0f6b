import FoundationEssentials
import HTTPTypes
import Hummingbird

/// The page: one HTML document with its style and its script in it, put together once.
///
/// It has no data of its own and is open to everybody: what it shows it asks for like any other caller.
struct Page: Sendable {
    let document: [UInt8]
    /// Allows its own style and script by their hashes, requests to this service, and nothing else.
    ///
    /// Spec: Content Security Policy Level 3.
    let policy: String
    /// Spec: RFC 9110 section 8.8.3.
    let tag: String

    /// The page of this binary, put together when it is asked for first: most processes serve none.
    static let shared = Page()

    private init() {
        // They share one scope. base.js is strict for all of them, page.js starts.
        let scripts = [
            PackageResources.base_js, PackageResources.service_js, PackageResources.terminal_js,
            PackageResources.log_js, PackageResources.chart_js, PackageResources.overview_js,
            PackageResources.actions_js, PackageResources.details_js, PackageResources.page_js,
        ]
        self.init(
            html: PackageResources.page_html, style: Self.compactStyle(PackageResources.page_css),
            script: Array(scripts.map(Self.compactScript).joined()))
    }

    /// The lines of a style or script without their indentation, and without those that are comments only: a fifth of
    /// it all, which is for readers of the source.
    static func compact(_ source: [UInt8]) -> [UInt8] {
        Array(
            source.split(separator: UInt8(ascii: "\n")).map { $0.drop { $0 == UInt8(ascii: " ") } }
                .filter { line in
                    let isComment =
                        line.starts(with: "//".utf8)
                        || (line.starts(with: "/*".utf8) && line.suffix(2).elementsEqual("*/".utf8))
                    return !line.isEmpty && !isComment
                }
                .map { $0 + "\n".utf8 }.joined())
    }

    /// The same for a script, without the blanks beside punctuation too, in lines that have no text, no regular expression
    /// and no comment.
    ///
    /// Ends of lines stay where they may end a statement.
    static func compactScript(_ source: [UInt8]) -> [UInt8] {
        compact(source).split(separator: UInt8(ascii: "\n")).reduce(into: []) { result, line in
            guard !line.contains(where: "'\"`/".utf8.contains) else {
                result += line + "\n".utf8
                return
            }
            let marks = "=(){}[],;:?<>&|*!".utf8
            for byte in line {
                if byte == UInt8(ascii: " "), let last = result.last, marks.contains(last) { continue }
                if marks.contains(byte), result.last == UInt8(ascii: " ") { result.removeLast() }
                result.append(byte)
            }
            if let last = line.last, !"{,;".utf8.contains(last) { result += "\n".utf8 }
        }
    }

    /// The same for a style, without the blanks and ends of lines beside its punctuation too.
    static func compactStyle(_ source: [UInt8]) -> [UInt8] {
        compact(source).reduce(into: []) { result, byte in
            let last = result.last
            let isBlank = byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n")
            if isBlank, let last, ":;,{}".utf8.contains(last) { return }
            if byte == UInt8(ascii: "{"), last == UInt8(ascii: " ") { result.removeLast() }
            if byte == UInt8(ascii: "}"), last == UInt8(ascii: ";") { result.removeLast() }
            result.append(byte)
        }
    }

    /// Puts style and script where the document has the comments `<!-- style -->` and `<!-- script -->`.
    init(html: [UInt8], style: [UInt8], script: [UInt8]) {
        let document = html.replacing(
            Array("<!-- style -->".utf8), with: Array("<style>".utf8) + style + Array("</style>".utf8)
        ).replacing(
            Array("<!-- script -->".utf8), with: Array("<script>".utf8) + script + Array("</script>".utf8))
        self.document = document
        policy = [
            "default-src 'none'", "script-src \(Self.source(script))", "style-src \(Self.source(style))",
            "connect-src 'self'", "img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        ].joined(separator: "; ")
        tag = "\"\(Self.base64(document) ?? "\(document.count)")\""
    }

    /// The hash of what is between the tags, all of it.
    private static func source(_ bytes: [UInt8]) -> String { base64(bytes).map { "'sha256-\($0)'" } ?? "'none'" }

    private static func base64(_ bytes: [UInt8]) -> String? { sha256(bytes).map { Data($0).base64EncodedString() } }

    /// The document, or 304 for those who have it.
    func answer(_ request: APIRequest) throws -> Response {
        try request.refuseParameters()
        var headers: HTTPFields = [.eTag: tag, .cacheControl: "no-cache", .contentSecurityPolicy: policy]
        headers.set("Referrer-Policy", "no-referrer")
        // Spec: RFC 9110 section 13.1.2.
        let known = request.raw.headers[values: .ifNoneMatch].joined(separator: ",").split(separator: ",")
            .map(\.trimmingBlanks)
        guard !known.contains(where: { ["*", tag, "W/\(tag)"].contains(String($0)) }) else {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = "text/html; charset=utf-8"
        return Response(status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: document)))
    }
}

extension [UInt8] {
    /// The bytes with the first occurrence of some replaced by others; the same where there is none.
    fileprivate func replacing(_ placeholder: [UInt8], with replacement: [UInt8]) -> [UInt8] {
        guard let place = firstRange(of: placeholder) else { return self }
        return self[..<place.lowerBound] + replacement + self[place.upperBound...]
    }
}
