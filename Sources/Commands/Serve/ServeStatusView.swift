#if os(Linux)
  import FoundationEssentials
  import HostSystem
  import LogText
  import Serving

  /// `passage serve --status`: asks a server that runs, and prints what it tells.
  struct ServeStatusView {
    /// The folder of its sockets; `nil` to find the only server of this user's.
    let folder: String?
    /// Whether the server's JSON is printed as it is.
    let isJSON: Bool
    /// Whether it is asked every second.
    let watches: Bool

    private static let clearScreen = "\u{1B}[H\u{1B}[2J"
    private static let second: UInt32 = 1_000_000

    func run() throws {
      var sink = ByteSink()
      do {
        let folder = try folder ?? Self.running()
        while true {
          let text = try Self.text(asking: folder, isJSON: isJSON)
          if watches, !isJSON, Terminal.wantsColor { try sink.write(Self.clearScreen) }
          try sink.write(text)
          try sink.flush()
          guard watches else { return }
          Calls.pause(microseconds: Self.second)
        }
      } catch let error as HostError where error.operation == .write {
        // Whoever closes the pipe has seen enough.
      } catch {
        ServeRun.complain("\(error)")
        throw ExitStatus.stepFailed
      }
    }

    /// Finds the only server of this user's, and says what was not looked into.
    private static func running() throws(SocketDirectoryError) -> String {
      let servers = RunningServers()
      if let note = servers.note { ServeRun.complain(note) }
      return try servers.only()
    }

    /// Asks once.
    private static func text(asking folder: String, isJSON: Bool) throws -> String {
      let bytes: [UInt8]
      do { bytes = try StatusClient.ask(folder) } catch { throw ServeStatusError.silent(folder) }
      guard !isJSON else { return String(decoding: bytes, as: UTF8.self) }
      return try status(bytes, from: folder).text(LogStyle(isColored: Terminal.wantsColor))
    }

    /// Reads what a server told.
    static func status(_ bytes: [UInt8], from folder: String) throws -> ServeStatus {
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      do {
        return try decoder.decode(ServeStatus.self, from: Data(bytes))
      } catch {
        throw ServeStatusError.strange(folder)
      }
    }
  }

  /// Why there is no status.
  enum ServeStatusError: Error, CustomStringConvertible {
    /// No server answers.
    case silent(String)
    /// What answers is no server of this version.
    case strange(String)

    var description: String {
      switch self {
      case .silent(let folder): "no server answers in \(folder): is it running?"
      case .strange(let folder):
        "what answers in \(folder) is no server of this version; --json shows its answer"
      }
    }
  }
#endif
