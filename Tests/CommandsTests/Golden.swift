/// Reports as people read them.
enum Golden {
  static let sample = """
    0000:6a:01.0 8086:0b25
    revision 00 · class 088000 (system peripheral) · subsystem 8086:0000 · 4096 bytes
    from sample

    Legacy capabilities
         offset  id      ver  short  name                          bytes        size
      a  0x040   0x10         PCIe   PCI Express                   0x040-0x06b    44
      b  0x080   0x11         MSI-X  MSI-X                         0x080-0x08b    12
      c  0x090   0x01         PM     Power Management              0x090-0x097     8

    Extended capabilities
         offset  id      ver  short  name                          bytes        size
      A  0x100   0x0001    2  AER    Advanced Error Reporting      0x100-0x147    72
      B  0x150   0x0018    1  LTR    Latency Tolerance Reporting   0x150-0x157     8
      C  0x160   0x0017    1  TPH    TPH Requester                 0x160-0x16f    16
      D  0x170   0x0002    1  VC     Virtual Channel               0x170-0x197    40
      E  0x200   0x0023    1  DVSEC  Designated Vendor-Specific    0x200-0x217    24
      F  0x220   0x000f    1  ATS    Address Translation Services  0x220-0x227     8
      P  0x230   0x001b    1  PASID  Process Address Space ID      0x230-0x237     8
      G  0x240   0x0013    1  PRI    Page Request Interface        0x240-0x24f    16

    Config space  one cell is one dword
             +0x00            +0x40            +0x80            +0xc0
      0x000  ################ a▒▒▒▒▒▒▒▒▒▒····· b▒▒·c▒·········· ················
      0x100  A▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒ ▒▒··B▒··C▒▒▒D▒▒▒ ▒▒▒▒▒▒·········· ················
      0x200  E▒▒▒▒▒··F▒··PP·· G▒▒▒············ ················ ················
             ⋮  13 rows: zero, unclaimed, 0x300-0xfff

      P  PASID of the device     8 B      ▒  capability body       214 B
      #  standard header        64 B      ·  zero, unclaimed      3776 B
      A  capability header      34 B

    PASID at 0x230: already present
      • the function shows a PASID capability at 0x230: nothing is synthesised
      • VFIO hides it from a VMM: for such a VMM, 0xff8 is likely (--vfio-view auto)

      capability    20 bits, no execute, privileged mode
      alternatives  likely 0xff8; risky 0x238, 0x228, 0x218, 0x1f8, 0x158, 0x148
      option        none: nothing is synthesised

    """

  static let withoutPASID = """
    0000:6a:01.0 System peripheral: Intel Corporation Device 0b25
    8086:0b25 · revision 00 · class 088000 (system peripheral) · subsystem 8086:0000 · 4096 bytes
    from fleet.txt, line 12

    Legacy capabilities
         offset  id      ver  short  name                          bytes        size
      a  0x040   0x10         PCIe   PCI Express                   0x040-0x06b    44
      b  0x080   0x11         MSI-X  MSI-X                         0x080-0x08b    12
      c  0x090   0x01         PM     Power Management              0x090-0x097     8

    Extended capabilities
         offset  id      ver  short  name                          bytes        size
      A  0x100   0x0001    2  AER    Advanced Error Reporting      0x100-0x147    72
      B  0x150   0x0018    1  LTR    Latency Tolerance Reporting   0x150-0x157     8
      C  0x160   0x0017    1  TPH    TPH Requester                 0x160-0x16f    16
      D  0x170   0x0002    1  VC     Virtual Channel               0x170-0x197    40
      E  0x200   0x0023    1  DVSEC  Designated Vendor-Specific    0x200-0x217    24
      F  0x220   0x000f    1  ATS    Address Translation Services  0x220-0x227     8
      G  0x240   0x0013    1  PRI    Page Request Interface        0x240-0x24f    16

    Config space  one cell is one dword
             +0x00            +0x40            +0x80            +0xc0
      0x000  ################ a▒▒▒▒▒▒▒▒▒▒····· b▒▒·c▒·········· ················
      0x100  A▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒ ▒▒··B▒··C▒▒▒D▒▒▒ ▒▒▒▒▒▒·········· ················
      0x200  E▒▒▒▒▒··F▒······ G▒▒▒············ ················ ················
             ⋮  12 rows: zero, unclaimed, 0x300-0xeff
      0xf00  ················ ················ ················ ··············PP

      P  PASID to synthesise     8 B      ▒  capability body       214 B
      #  standard header        64 B      ·  zero, unclaimed      3776 B
      A  capability header      34 B

    vPASID at 0xff8: likely
      • all zero, and beyond the last capability (PRI at 0x240-0x24f)
      • the place that other VMMs use

      capability    20 bits, no execute, no privileged mode
      linked from   PRI at 0x240
      alternatives  risky 0x238, 0x218, 0x1f8, 0x158, 0x148
      option        x-vpasid-cap-offset=0xff8
      QEMU          -object iommufd,id=iommufd0
                    -device vfio-pci,host=0000:6a:01.0,iommufd=iommufd0,x-vpasid-cap-offset=0xff8

    """

  static let oddities = """
    1234:5678
    revision 01 · class 020000 (network) · 4096 bytes
    from odd.bin

    Legacy capabilities
         offset  id      ver  short   name                           bytes        size
      a  0x040   0x01         PM      Power Management               0x040-0x047     8
      ✗ legacy pointer at 0x41 leads to 0xfc, where the header is zero

    Extended capabilities
         offset  id      ver  short   name                           bytes        size
      A  0x100   0x0000    1  Null    Null capability (placeholder)  0x100-0x103     4
      B  0x200   0x002b    1  AP      Alternate Protocol             0x200-?         ?
      C  0x300   0xbeef    1  0xbeef  Unknown                        0x300-?         ?
      D  0x400   0x0003    1  DSN     Device Serial Number           0x400-0x40b    12

    Config space  one cell is one dword
             +0x00            +0x40            +0x80            +0xc0
      0x000  ################ a▒·············· ················ ················
      0x100  A··············· ················ ················ ················
      0x200  B░░░?░░░░░░░░░░░ ░░░░░░░░░░░░░░░░ ░░░░░░░░░░░░░░░░ ░░░░░░░░░░░░░░░░
      0x300  C░░░░░░░░░░░░░░░ ░░░░░░░░░░░░░░░░ ░░░░░░░░░░░░░░░░ ░░░░░░░░░░░░░░░░
      0x400  D▒▒············· ················ ················ ················
             ⋮  3 rows: zero, unclaimed, 0x500-0x7ff
      0x800  !··············· ················ ················ ················
             ⋮  6 rows: zero, unclaimed, 0x900-0xeff
      0xf00  ················ ················ ················ ·············PP!

      P  PASID to synthesise                    8 B      ░  zero, behind an unknown length       502 B
      #  standard header                       64 B      ?  not zero, behind an unknown length     2 B
      A  capability header                     18 B      !  not zero, unclaimed                    5 B
      ▒  capability body                       14 B      ·  zero, unclaimed                     3483 B

    vPASID at 0xff4: likely
      • all zero, and beyond the last capability (DSN at 0x400-0x40b)
      • the function has no PCI Express capability, so a guest does not look for extended ones
      • the nearest bytes that are not zero and that no capability accounts for are at 0xffc
      • the place that other VMMs use, 0xff8, is refused

      capability    20 bits, no execute, no privileged mode
      linked from   DSN at 0x400
      alternatives  likely 0x7f8; risky 0x3f8, 0x2f8, 0x208, 0x1f8
      option        x-vpasid-cap-offset=0xff4

    """

  static let emptyList = """
    0000:00:18.0 1022:1448
    revision 00 · class 060000 (bridge) · 4096 bytes
    from empty

    Legacy capabilities  none

    Extended capabilities  none: the list is empty

    Config space  one cell is one dword
             +0x00            +0x40            +0x80            +0xc0
      0x000  ################ ················ ················ ················
      0x100  +··············· ················ ················ ················
      0x200  ··!············· ················ ················ ················
             ⋮  12 rows: zero, unclaimed, 0x300-0xeff
      0xf00  ················ ················ ················ ··············PP

      P  PASID to synthesise     8 B      !  not zero, unclaimed     2 B
      +  placeholder to add      4 B      ·  zero, unclaimed      4018 B
      #  standard header        64 B

    vPASID at 0xff8: likely
      • all zero, and the device has no extended capability
      • the extended list is empty: a placeholder at 0x100, which is zero, leads to the capability
      • the function has no PCI Express capability, so a guest does not look for extended ones
      • the nearest bytes that are not zero and that no capability accounts for are at 0x208
      • the place that other VMMs use

      capability    20 bits, no execute, no privileged mode
      linked from   a placeholder at 0x100, as the list is empty
      alternatives  likely 0x200
      option        x-vpasid-cap-offset=0xff8
      QEMU          -object iommufd,id=iommufd0
                    -device vfio-pci,host=0000:00:18.0,iommufd=iommufd0,x-vpasid-cap-offset=0xff8

    """

  static let lost = """
    0000:2f:00.0 ffff:ffff
    revision ff · class ffffff · 4096 bytes
    from lost

    Legacy capabilities  no answer
      ✗ the function does not answer: offsets 0x0 and 0x8 read all ones

    Extended capabilities  no answer

    Config space  one cell is one dword
             +0x00            +0x40            +0x80            +0xc0
             ⋮  16 rows: no answer, reads all ones, 0x000-0xfff

      -  no answer, reads all ones  4096 B

    vPASID: refused
      • the capability list is broken: the function does not answer: offsets 0x0 and 0x8 read all ones

      option        none

    """
}
