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

    /// The page of this binary.
    init() {
        // They share one scope. base.js is strict for all of them, page.js starts.
        let scripts = [
            PackageResources.base_js, PackageResources.service_js, PackageResources.log_js, PackageResources.chart_js,
            PackageResources.overview_js, PackageResources.actions_js, PackageResources.details_js,
            PackageResources.page_js,
        ]
        self.init(
            html: PackageResources.page_html, style: Self.compact(PackageResources.page_css),
            script: Array(scripts.map(Self.compact).joined()))
    }

    /// The lines of a style or script without their indentation, and without those that are comments only: a fifth of
    /// it all, which is for readers of the source.
    static func compact(_ source: [UInt8]) -> [UInt8] {
        Array(
            source.split(separator: UInt8(ascii: "\n")).map { $0.drop { $0 == UInt8(ascii: " ") } }
                .filter { !$0.isEmpty && !$0.starts(with: "//".utf8) }
                // A comment of several lines stays whole: a part of one would be read as something else.
                .filter { !$0.starts(with: "/*".utf8) || !$0.suffix(2).elementsEqual("*/".utf8) }
                .map { $0 + "\n".utf8 }.joined())
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
