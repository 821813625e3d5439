import Commands

Passage.run()
